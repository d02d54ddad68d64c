"""The gathers of ZeRO 3 on a CPU: each has ended when it returns, and all other operations are DeepSpeed's own."""

from types import ModuleType, SimpleNamespace

from passk.cpu import gathering


class Handle:
    waited = False

    def wait(self):
        self.waited = True


def replaced(handle):
    """The module of DeepSpeed after the replacement, and the arguments of each of its gathers."""
    asked = []

    def all_gather_into_tensor(*arguments, **options):
        asked.append((arguments, options))
        return handle

    module = ModuleType("partition_parameters")
    module.dist = SimpleNamespace(all_gather_into_tensor=all_gather_into_tensor, get_rank=lambda: 3)
    gathering.parameters(module)
    return module, asked


def test_a_gather_that_is_started_has_ended_when_it_returns():
    module, asked = replaced(Handle())
    handle = module.dist.all_gather_into_tensor("all", "own", group="ranks", async_op=True)
    assert handle.waited, "DeepSpeed itself waits for the last of several alone"
    assert asked == [(("all", "own"), {"group": "ranks", "async_op": True})]


def test_a_gather_without_a_handle_and_other_operations_are_deepspeeds_own():
    module, asked = replaced(None)
    assert module.dist.all_gather_into_tensor("all", "own") is None and len(asked) == 1
    assert module.dist.get_rank() == 3
