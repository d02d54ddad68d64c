"""A stand-in for vllm.LLM: takes requests as they come, ends some of them at each step, in an order of its own."""

import random
from types import SimpleNamespace

SIZE = 16


class Engine:
    def __init__(self, size: int = SIZE, seed: int = 0) -> None:
        """size: samples that run at once"""
        self.llm_engine = self
        self.vllm_config = SimpleNamespace(scheduler_config=SimpleNamespace(max_num_seqs=size))
        self._random, self._size = random.Random(seed), size
        self._asked = 0
        self._open: dict[str, tuple[str, SimpleNamespace, int]] = {}
        self.most = 0
        """unfinished samples at a time"""
        self.steps = 0
        self.batches: list[set[str]] = []
        """prompts in the engine, at each step"""
        self.paused = False

    def enqueue(self, prompts, settings, use_tqdm, tokenization_kwargs):
        [prompt] = prompts
        if prompt == "too long":
            raise ValueError("The decoder prompt is longer than the maximum\nmodel length")
        name, self._asked = str(self._asked), self._asked + 1
        self._open[name] = (prompt, settings, settings.n)
        self.most = max(self.most, self.get_num_unfinished_requests())
        return [f"{name}-0a1b2c3d"]

    @property
    def output_processor(self):
        """The children of requests with several samples: those that ended are the first ones."""
        parents, states = {}, {}
        for name, (prompt, settings, left) in self._open.items():
            ended = answers(prompt, settings)[: settings.n - left]
            parents[f"{name}-0a1b2c3d"] = SimpleNamespace(output_aggregator=ended + [None] * left)
            states |= {f"{name}-{i}": SimpleNamespace(detokenizer=self) for i in range(left)}
        return SimpleNamespace(parent_requests=parents, request_states=states)

    def num_output_tokens(self):
        return 2

    def get_num_unfinished_requests(self):
        return sum(left for *_, left in self._open.values())

    def step(self):
        assert not self.paused
        self.steps += 1
        self.batches.append({prompt for prompt, *_ in self._open.values()})
        ended = []
        for name, (prompt, settings, left) in list(self._open.items()):
            left -= self._random.randint(0, settings.n)
            if left > 0:
                self._open[name] = (prompt, settings, left)
                continue
            del self._open[name]
            ended.append(SimpleNamespace(request_id=name, finished=True, outputs=answers(prompt, settings)))
        return ended

    def abort_request(self, names):
        for name in names:
            del self._open[name]

    def reset_prefix_cache(self):
        assert not self._open

    def sleep(self, level):
        self.paused = True

    def wake_up(self, tags):
        self.paused = False


def answers(prompt, settings):
    return [
        SimpleNamespace(
            index=index,
            text=f"{prompt}/{settings.seed + index}",
            token_ids=[1] * (index + 1),
            finish_reason="stop",
            cumulative_logprob=-0.5 * (index + 1),
        )
        for index in range(settings.n)
    ]
