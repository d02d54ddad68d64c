"""Every hook by which passk gets into OpenRLHF, vLLM and Ray, against the versions that are installed.

OpenRLHF moves methods in patch releases: when a pin is raised, these say what has to follow.
"""

import inspect
import re

from passk.openrlhf.__main__ import UPSTREAM_ENVIRONMENT
from tests.integration.installed import parameters, source_of


def test_the_trainer_is_an_actor_class_over_the_plain_class_that_we_subclass(actor_classes):
    ppo_trainer, _, _ = actor_classes
    plain = ppo_trainer.PPOTrainer.__ray_metadata__.modified_class
    assert parameters(plain.__init__)[1:] == [
        "pretrain", "strategy", "actor_model_group", "critic_model_group", "reward_model_group",
        "reference_model_group", "vllm_engines", "generate_kwargs",
    ]  # fmt: skip
    assert parameters(plain.save_logs_and_checkpoints) == ["self", "global_step", "logs_dict", "client_states"]
    assert parameters(plain.init_checkpoint_states) == ["self"]
    assert parameters(plain.train_step) == ["self", "rollout_samples", "global_step"]
    assert "return status, global_step + 1" in inspect.getsource(plain.train_step)
    # what ours takes hold of when the trainer is there, and where each stands
    built = inspect.getsource(plain.__init__) + inspect.getsource(ppo_trainer.BasePPOTrainer.__init__)
    for name, value in (
        ("samples_generator", "SamplesGenerator("), ("experience_maker", "RemoteExperienceMaker("),
        ("strategy", "strategy"), ("args", "strategy.args"), ("tokenizer", "tokenizer"),
        ("actor_model_group", "actor_model_group"),
    ):  # fmt: skip
        assert f"self.{name} = {value}" in built
    assert "self.prompts_dataloader, self.eval_dataloader, self.max_steps = prepare_datasets(" in built


def test_prompts_are_kept_in_order_by_another_loader_in_the_place_of_the_generators(actor_classes):
    from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator
    from openrlhf.utils.deepspeed.deepspeed import DeepspeedStrategy

    ppo_trainer, _, _ = actor_classes
    given = parameters(DeepspeedStrategy.setup_dataloader)
    assert given[:6] == ["self", "replay_buffer", "batch_size", "pin_memory", "shuffle", "collate_fn"]
    assert "num_workers" in given
    loader = r"setup_dataloader\(\s*prompts_dataset,\s*1,\s*True,\s*True,\s*prompts_dataset\.collate_fn,\s*num_workers="
    assert re.search(loader, inspect.getsource(ppo_trainer.prepare_datasets))
    assert "iter(self.prompts_dataloader)" in inspect.getsource(SamplesGenerator.generate_samples)


def test_the_samples_generator_has_the_methods_that_we_override_and_calls_them_as_ours_expect(actor_classes):
    from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator

    assert parameters(SamplesGenerator._generate_vllm) == [
        "self", "dataloader_iter", "num_prompts", "dynamic_filtering", "generate_kwargs",
    ]  # fmt: skip
    assert parameters(SamplesGenerator._dispatch_prompts_to_vllm) == [
        "self", "prompts", "labels", "images", "generate_kwargs",
    ]  # fmt: skip
    assert "self._dispatch_prompts_to_vllm(prompts, labels, images=" in inspect.getsource(SamplesGenerator)
    for name in ("vllm_engines", "args"):
        assert f"self.{name} = " in inspect.getsource(SamplesGenerator.__init__)


def test_the_policys_trainer_has_the_method_that_we_override_and_the_numbers_that_it_reads(actor_classes):
    from openrlhf.trainer.ray.ppo_actor import ActorPPOTrainer, PolicyModelActor
    from openrlhf.utils.loss_utils import get_loss_batch_info

    plain = PolicyModelActor.__ray_metadata__.modified_class
    assert "self.trainer = ActorPPOTrainer(" in inspect.getsource(plain.init_model_from_pretrained)
    assert parameters(ActorPPOTrainer.training_step) == ["self", "experience", "kl_ctl", "step", "loss_batch_info"]
    assert parameters(get_loss_batch_info)[:5] == ["strategy", "loss_mask", "replay_buffer", "step", "dynamic_batch"]
    assert {'"batch_num_tokens"', '"dp_size"'} <= set(re.findall(r'"\w+"', inspect.getsource(get_loss_batch_info)))
    for name in ("strategy", "args", "replay_buffer"):
        assert f"self.{name} = " in inspect.getsource(ActorPPOTrainer.__init__)


def test_the_driver_takes_the_trainer_by_name_when_it_runs_and_starts_ray_only_where_none_runs():
    source = source_of("openrlhf.cli.train_ppo_ray")
    assert "from openrlhf.trainer.ppo_trainer import PPOTrainer" in source
    assert "PPOTrainer.remote(" in source
    assert "if not ray.is_initialized():" in source
    for name, value in UPSTREAM_ENVIRONMENT.items():
        assert re.search(rf'"{name}": os.environ.get\("{name}", "{value}"\)', source)


def test_the_driver_takes_the_policy_by_name(actor_classes):
    assert "from openrlhf.trainer.ray.ppo_actor import PolicyModelActor" in source_of("openrlhf.cli.train_ppo_ray")
    assert "@ray.remote(num_gpus=1)\nclass PolicyModelActor(" in source_of("openrlhf.trainer.ray.ppo_actor")


def test_a_model_is_written_as_openrlhf_writes_the_last_one(actor_classes):
    """Of passk/openrlhf/policy.py, export."""
    from openrlhf.utils.deepspeed.deepspeed import DeepspeedStrategy

    assert parameters(DeepspeedStrategy.save_model)[:4] == ["self", "model", "tokenizer", "output_dir"]
    actor = source_of("openrlhf.trainer.ray.ppo_actor")
    written = r"self\.strategy\.save_model\(\s*self\.ema_model if args\.train\.enable_ema else self\.actor,\s*"
    assert re.search(written + r"self\.tokenizer,\s*args\.ckpt\.output_dir,", actor)


def test_the_driver_takes_the_reference_by_name_and_hands_it_the_policys_start(actor_classes):
    from openrlhf.trainer.ray import launcher

    from passk.openrlhf.actor_factory import ActorFactory
    from passk.openrlhf.reference import PasskReference

    source = source_of("openrlhf.cli.train_ppo_ray")
    assert "from openrlhf.trainer.ray.launcher import (\n    RayActorGroup,\n    ReferenceModelActor," in source
    assert "ref_model.async_init_model_from_pretrained(strategy, args.actor.model_name_or_path)" in source
    plain = launcher.ReferenceModelActor.__ray_metadata__.modified_class
    assert parameters(plain.init_model_from_pretrained) == ["self", "strategy", "pretrain"]
    assert parameters(plain.__init__) == ["self", "world_size", "rank", "master_addr", "master_port"]
    group = inspect.getsource(launcher.RayActorGroup._initiate_actors)
    assert (
        group.count("self.ray_actor_type.options(") == group.count("ray_actor_type") and ").remote(world_size" in group
    )
    assert "args.train.colocate_actor_ref or args.train.colocate_all" in source, "they share a GPU"
    one = ActorFactory(PasskReference, reference="earlier").options(num_gpus=0.2)
    assert one.remote.keywords == {"reference": "earlier"} and issubclass(PasskReference, plain)


def test_models_are_saved_by_the_call_that_we_replace_and_the_average_is_ours(actor_classes):
    from openrlhf.trainer.ray.ppo_actor import ActorPPOTrainer, PolicyModelActor
    from openrlhf.utils.deepspeed import DeepspeedStrategy

    from passk.openrlhf import saved_model

    assert parameters(DeepspeedStrategy.save_model) == ["self", "model", "tokenizer", "output_dir", "kwargs"]
    assert parameters(saved_model.write)[:4] == ["strategy", "model", "tokenizer", "directory"]
    assert "strategy.save_model(model, tokenizer, args.ckpt.output_dir)" in source_of("openrlhf.cli.train_sft")
    plain = PolicyModelActor.__ray_metadata__.modified_class
    assert parameters(plain.save_checkpoint)[:2] == ["self", "tag"] and parameters(plain.save_model) == ["self"]
    assert parameters(plain.__init__)[:3] == ["self", "world_size", "rank"]
    assert '"_actor")' in inspect.getsource(plain.save_checkpoint)
    assert "moving_average(self.actor, self.ema_model" in inspect.getsource(ActorPPOTrainer.training_step)
    assert "ema_model" not in inspect.getsource(DeepspeedStrategy.save_ckpt), "its checkpoints have no average"
    # what the broadcast reads of the actor, which ours hands it for an adapter
    broadcast = inspect.getsource(ActorPPOTrainer.broadcast_to_vllm)
    assert "model = self.actor.model.module" in broadcast and "in model.named_parameters()" in broadcast
    assert set(re.findall(r"self\.actor, \"\w+\"|self\.actor\b[.\w]*", broadcast)) == {
        "self.actor.model.module", 'self.actor, "is_vlm"',
    }  # fmt: skip
    assert set(re.findall(r"(?:param|\bp)\.(\w+)", broadcast)) == {
        "shape",
        "ds_shape",
        "dtype",
        "data",
        "requires_grad",
    }


def test_the_loss_has_the_correction_whose_numbers_are_recorded_and_the_kl_whose_sum_is_divided(actor_classes):
    from openrlhf.models.loss import PolicyLoss
    from openrlhf.trainer.ppo_utils.samples_generator import SamplesGenerator
    from openrlhf.trainer.ray.ppo_actor import ActorPPOTrainer

    assert 'self.policy_loss_type == "ppo"' in inspect.getsource(PolicyLoss.forward), "gspo has no bounds"
    step = inspect.getsource(ActorPPOTrainer.training_step)
    assert 'experience.info["is_filter_ratio"]' in step and 'experience.info["kl"] = kl_loss.detach()' in step
    assert 'weights[k] = "token" if v.dim() == 0 else "sample"' in step
    assert 'is_correction_level != "off" else None' in inspect.getsource(SamplesGenerator._dispatch_prompts_to_vllm)
    assert '"processed_logprobs" if args.algo' in source_of("openrlhf.cli.train_ppo_ray")
    _, _, experience_maker = actor_classes
    assert {"rollout_log_probs", "action_log_probs"} <= set(experience_maker.Experience.__dataclass_fields__)


def test_checkpoints_are_named_and_kept_as_we_seal_and_mend_them(actor_classes):
    ppo_trainer, sft_trainer, _ = actor_classes
    for trainer in (ppo_trainer.BasePPOTrainer, sft_trainer.SFTTrainer):
        assert 'tag = f"global_step{global_step}"' in inspect.getsource(trainer.save_logs_and_checkpoints)
    assert 'os.path.join(args.ckpt.path, "_actor")' in source_of("openrlhf.trainer.ray.ppo_actor")
    strategy = source_of("openrlhf.utils.deepspeed.deepspeed")
    # The oldest is deleted before the next is written, and only by number: no checkpoint has a metric here.
    assert "overflow_num = max(0, len(regular_subdirs) - max_num + 1) if not is_best else 0" in strategy
    assert strategy.index("shutil.rmtree(delete_dir)") < strategy.index("model.save_checkpoint(save_dir")
    # A directory without a checkpoint is taken for one whose states are empty, and fails on their keys.
    assert "if self.args.ckpt.load_enable and os.path.exists(ckpt_path):" in source_of("openrlhf.trainer.ppo_trainer")
    assert "return None, {}" in strategy
    deepspeed = source_of("deepspeed.runtime.engine")
    assert "with open(os.path.join(save_dir, 'latest'), 'w') as fd:" in deepspeed


def test_the_engine_is_taken_by_name_and_told_what_ours_reads(actor_classes):
    from openrlhf.trainer.ray import vllm_engine
    from openrlhf.utils.agent import SingleTurnAgentExecutor

    source = source_of("openrlhf.trainer.ray.vllm_engine")
    assert "@ray.remote\nclass RolloutRayActor:" in source
    assert "RolloutRayActor.options(" in inspect.getsource(vllm_engine.create_vllm_engines)
    for given in ('"seed": seed + i', '"full_determinism": full_determinism', '"worker_extension_cls": "openrlhf.'):
        assert given in source
    plain = vllm_engine.RolloutRayActor.__ray_metadata__.modified_class
    assert parameters(plain.generate) == ["self", "prompt_token_ids", "sampling_params", "multi_modal_data"]
    assert parameters(plain.generate_responses) == [
        "self", "prompt", "label", "sampling_params", "max_length", "hf_tokenizer", "num_samples", "images",
    ]  # fmt: skip
    assert 'pause_generation(mode="keep")' in inspect.getsource(plain.pause_generation)
    assert "self.llm.output_processor" in inspect.getsource(plain.get_num_unfinished_requests)
    executor = source_of("openrlhf.utils.agent")
    assert "await llm_engine.generate(" in executor
    assert "deepcopy(effective_params)" in executor
    single_turn = inspect.getsource(SingleTurnAgentExecutor.execute)
    # A stand-in of the tokenizer has these two. The third reads images, for which there is none.
    assert set(re.findall(r"hf_tokenizer(?:\.\w+)?\(", single_turn)) == {"hf_tokenizer(", "hf_tokenizer.decode("}
    assert single_turn.count("llm_engine.") == 1
    # Parameters that are not copied are read alone.
    assert re.findall(r"\b(?:sampling|effective)_params(?:\.\w+ =)", single_turn) == ["effective_params.max_tokens ="]


def test_the_trainer_writes_the_status_names_that_the_record_reads(actor_classes):
    ppo_trainer = source_of("openrlhf.trainer.ppo_trainer")
    for name in ("timing/make_experience", "timing/ppo_train", "timing/broadcast", "timing/generation"):
        assert f'status["{name}"]' in ppo_trainer
    actor = source_of("openrlhf.trainer.ray.ppo_actor")
    for name in ("actor_lr", "actor_grad_norm", "entropy_loss"):
        assert f'metrics["{name}"]' in actor
    assert 'metrics = {"policy_loss": actor_loss.detach()}' in actor
    assert 'experience.info["ppo_clip_ratio"]' in actor


def test_the_experience_maker_has_the_hook_and_the_helpers_that_we_use(actor_classes):
    _, _, experience_maker = actor_classes
    maker = experience_maker.RemoteExperienceMaker
    assert parameters(maker.compute_advantages_and_returns) == ["self", "experiences"]
    assert parameters(maker.get_cumulative_returns) == ["self", "rewards", "action_mask", "gamma"]
    assert parameters(experience_maker.apply_length_penalties)[:2] == ["experiences", "args"]
    assert parameters(experience_maker.compute_reward)[:5] == [
        "r", "kl_coef", "kl", "action_mask", "reward_clip_range",
    ]  # fmt: skip
    fields = set(experience_maker.Experience.__dataclass_fields__)
    assert {
        "index", "sequences", "action_mask", "rewards", "prompts", "labels", "truncated", "info", "kl",
        "advantages", "returns", "action_log_probs",
    } <= fields  # fmt: skip


def test_the_sft_dataset_is_taken_by_name_and_has_the_columns_that_become_lists(actor_classes):
    from openrlhf.datasets import SFTDataset

    from passk.openrlhf.sft import COLUMNS

    assert "from openrlhf.datasets import SFTDataset" in source_of("openrlhf.cli.train_sft")
    assert "num_processors" in parameters(SFTDataset.__init__)
    for name in COLUMNS:
        assert f"self.{name} = processed_dataset[" in inspect.getsource(SFTDataset)


def test_the_sft_trainer_has_the_methods_that_we_override(actor_classes):
    _, sft_trainer, _ = actor_classes
    trainer = sft_trainer.SFTTrainer
    assert parameters(trainer.fit) == ["self", "args", "consumed_samples", "num_update_steps_per_epoch"]
    assert parameters(trainer.save_logs_and_checkpoints) == [
        "self", "args", "global_step", "step_bar", "logs_dict", "client_states",
    ]  # fmt: skip
    assert '"gpt_loss"' in source_of("openrlhf.trainer.sft_trainer")
    assert 'logs_dict["loss_mean"]' in source_of("openrlhf.trainer.sft_trainer")
