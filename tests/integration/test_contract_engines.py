"""What the CPU stand-ins, the evaluation and the weight check read in vLLM, DeepSpeed and Ray."""

import importlib.metadata
import importlib.util
import inspect
import re
from pathlib import Path

from passk.experiment.model import TinyModel
from passk.models import sampling
from passk.models.tiny import make_tiny
from tests.integration.installed import parameters, source_of


def test_vllms_sampler_and_running_samples_are_where_an_evaluation_looks_for_them():
    from vllm.v1.engine.detokenizer import IncrementalDetokenizer
    from vllm.v1.sample.ops import topk_topp_sampler

    assert parameters(topk_topp_sampler.TopKTopPSampler.forward_cpu) == ["self", "logits", "generators", "k", "p"]
    assert "processed_logits" in topk_topp_sampler.PROCESSED_LOGPROBS_MODES
    # of a request with several samples: those that are complete, by the request's name
    parents = source_of("vllm.v1.engine.parallel_sampling")
    assert "self.output_aggregator[completion_output.index] = completion_output" in parents
    assert "child_sampling_params.seed = seed + index" in parents
    processor = source_of("vllm.v1.engine.output_processor")
    assert "self.parent_requests[parent_req.request_id] = parent_req" in processor
    assert "self.request_states: dict[str, RequestState] = {}" in processor
    assert callable(IncrementalDetokenizer.num_output_tokens)


def test_vllm_finds_a_stop_text_in_the_first_token_of_a_rollout(tmp_path):
    from transformers import AutoTokenizer
    from vllm import SamplingParams
    from vllm.v1.engine import EngineCoreRequest
    from vllm.v1.engine.detokenizer import IncrementalDetokenizer

    assert 'min_tokens=generate_kwargs.get("min_new_tokens", 1)' in source_of(
        "openrlhf.trainer.ppo_utils.samples_generator"
    )
    make_tiny(TinyModel(), tmp_path / "tiny", seed=1)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "tiny")

    def found(params):
        absent = dict.fromkeys(
            ("mm_features", "pooling_params", "lora_request", "cache_salt", "data_parallel_rank"), None
        )
        request = EngineCoreRequest(
            request_id="r", prompt_token_ids=[0], sampling_params=params, arrival_time=0.0, **absent
        )
        detokenizer = IncrementalDetokenizer.from_new_request(tokenizer, request)
        return [detokenizer.update([token], False) for token in tokenizer.encode("LRL", add_special_tokens=False)]

    openrlhfs = SamplingParams(min_tokens=1)
    assert found(sampling.stopping(openrlhfs, ["L"])) == ["L", None, "L"]
    # without the change, the policy learns from rollouts that continue after the text
    assert found(SamplingParams(min_tokens=1, stop=["L"])) == [None, None, "L"]


def test_a_rollout_reads_the_last_output_of_its_request_and_its_tokens_alone():
    from openrlhf.utils.agent import SingleTurnAgentExecutor

    actor = source_of("openrlhf.trainer.ray.vllm_engine")
    assert "final_output = request_output\n\n        return final_output" in actor
    assert "self.executor = SingleTurnAgentExecutor(" in actor
    executor = inspect.getsource(SingleTurnAgentExecutor)
    assert "deepcopy(effective_params)" in executor, "the engine may change its parameters"
    read = re.findall(r"generation_output\.(\w+)", executor)
    assert set(read) == {"token_ids", "finish_reason", "logprobs"}


def test_deepspeeds_adam_on_a_cpu_counts_its_steps_as_our_stand_in_expects():
    root = Path(importlib.util.find_spec("deepspeed").origin).parent
    kernel = (root / "ops" / "csrc" / "includes" / "cpu_adam.h").read_text()
    assert "_betta1_t *= _betta1;" in kernel
    assert "// support step increase not equal to 1" in kernel
    adam = source_of("deepspeed.ops.adam.fused_adam")
    call = r"self\.multi_tensor_adam, self\._dummy_overflow_buf, \[g_32, p_32, m_32, v_32\],\s*"
    given = r"group\['lr'\], beta1, beta2, group\['eps'\], state\['step'\], self\.adam_w_mode,\s*"
    assert re.search(call + given + r"bias_correction, group\['weight_decay'\]", adam)


def test_what_the_cpu_stand_ins_replace_is_still_there():
    assert 'torch.device(f"cuda:{torch.cuda.current_device()}")' in source_of(
        "openrlhf.trainer.ppo_utils.replay_buffer"
    )
    assert re.search(r'init_device_mesh\(\s*"cuda"', source_of("openrlhf.utils.deepspeed.deepspeed"))
    group = "def stateless_init_process_group(master_address, master_port, rank, world_size, device)"
    assert group in source_of("openrlhf.utils.distributed_util")
    wrap = source_of("openrlhf.trainer.ray.vllm_worker_wrap")
    assert "def update_weight(self, name, dtype, shape, empty_cache=False)" in wrap
    assert "async def update_weight(self, name, dtype, shape, empty_cache=False)" in source_of(
        "openrlhf.trainer.ray.vllm_engine"
    )
    assert "empty_cache=count == num_params" in source_of("openrlhf.trainer.ray.ppo_actor")
    flash = re.findall(r"from flash_attn\S* import .*", source_of("openrlhf.models.ring_attn_utils"))
    assert flash == [
        "from flash_attn.bert_padding import index_first_axis, pad_input, rearrange, unpad_input",
        "from flash_attn.utils.distributed import all_gather",
    ]


def test_deepspeed_waits_for_the_last_of_several_gathers_alone():
    source = source_of("deepspeed.runtime.zero.partition_parameters")
    assert "from deepspeed import comm as dist" in source and "launch_handles[-1].wait()" in source
    assert re.search(r"h = dist\.all_gather_into_tensor\(.*?async_op=True\)", source, re.DOTALL)


def test_vllm_reloads_weights_as_we_ask_it_to():
    source = source_of("vllm.v1.worker.gpu_model_runner")
    assert re.search(r"def reload_weights\(\s*self,\s*weights_iterator.*?weights_path", source, re.DOTALL)
    assert "self.llm_engine = LLMEngine" in source_of("vllm.entrypoints.llm")
    assert "self.engine_core = EngineCoreClient.make_client(" in source_of("vllm.v1.engine.llm_engine")
    clients = source_of("vllm.v1.engine.core_client")
    assert "self.engine_core.shutdown()" in clients.partition("class InprocClient")[2].partition("class MPClient")[0]
    points = importlib.metadata.entry_points(group="vllm.general_plugins")
    assert [point.value for point in points if point.name == "passk"] == ["passk.runtime.worker_setup:install"]


def test_vllms_processes_load_the_plugin_that_ends_them_with_their_parent():
    for module in ("vllm.v1.engine.core", "vllm.v1.worker.worker_base"):
        assert "load_general_plugins()" in source_of(module)
    assert "context.Process(" in source_of("vllm.v1.engine.utils"), "so multiprocessing.parent_process() is known"
    assert "context.Process(" in source_of("vllm.v1.executor.multiproc_executor")
    # a forked process would inherit that the plugins are loaded, and skip them
    assert "In a Ray actor and can only be spawned" in source_of("vllm.utils.system_utils")


def test_vllms_cpu_kernels_hold_packed_copies_where_our_stand_in_looks_for_them():
    layers = source_of("vllm.model_executor.layers.utils")
    assert layers.count("layer.cpu_linear = ") >= 4
    assert "dispatch_cpu_unquantized_gemm(layer, remove_weight=True)" in source_of("vllm.model_executor.layers.linear")
    embeddings = source_of("vllm.model_executor.layers.vocab_parallel_embedding")
    assert "dispatch_cpu_unquantized_gemm(layer, remove_weight=False)" in embeddings
    assert "layer.weight = embed_tokens.weight" in embeddings
    assert "class CPUModelRunner(GPUModelRunner)" in source_of("vllm.v1.worker.cpu_model_runner")


def test_vllm_and_the_policy_give_log_probabilities_of_a_prompt_as_our_comparison_reads_them(actor_classes):
    from openrlhf.trainer.ray import ppo_actor
    from openrlhf.trainer.ray.launcher import RayActorGroup
    from vllm import SamplingParams

    from passk.models.log_probs import REQUEST

    plain = ppo_actor.PolicyModelActor.__ray_metadata__.modified_class
    assert parameters(plain.forward)[:4] == ["self", "sequences", "action_mask", "attention_mask"]
    assert "if self.temperature != 1.0:" in source_of("openrlhf.models.actor")
    assert parameters(RayActorGroup.async_run_method)[:2] == ["self", "method_name"]
    assert SamplingParams(**REQUEST).skip_reading_prefix_cache
    source = source_of("vllm.v1.worker.gpu_model_runner")
    assert "scores = self.sampler.compute_logprobs(logits)" in source


def test_vllm_queues_requests_while_it_is_paused_and_reads_a_seed_an_answer():
    core = source_of("vllm.v1.engine.core")
    assert "All pause modes queue new adds" in core
    assert "def resume_scheduler(self)" in core
    assert "generator.manual_seed(sampling_params.seed)" in source_of("vllm.v1.worker.gpu_model_runner")
    # Known to the front before the request is sent: what `release` counts.
    front = inspect.cleandoc(source_of("vllm.v1.engine.async_llm"))
    assert front.index("self.output_processor.add_request(request") < front.index(
        "await self.engine_core.add_request_async(request)"
    )


def test_ray_still_reads_the_switch_that_keeps_it_on_loopback():
    assert 'ENABLE_RAY_CLUSTERS_ENV_VAR = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"' in source_of(
        "ray._private.ray_constants"
    )
