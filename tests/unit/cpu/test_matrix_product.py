"""bf16 products by fp32 products: the same values and gradients as exact arithmetic rounded once."""

from types import SimpleNamespace

import pytest
import torch

from passk.cpu import matrix_product

OF_TORCH = torch.nn.functional.linear


MATMUL = torch.matmul


@pytest.fixture(params=[True, False], ids=["bf16 instructions", "none"])
def has_bf16(request, monkeypatch):
    monkeypatch.setattr(matrix_product, "_has_bf16", lambda: request.param)
    return request.param


@pytest.fixture
def linear(has_bf16):
    functional = SimpleNamespace(linear=OF_TORCH)
    matrix_product.linear(functional)
    return functional.linear


@pytest.fixture
def matmul(has_bf16):
    module = SimpleNamespace(matmul=MATMUL)
    matrix_product.matmul(module)
    return module.matmul


def made(*shape: int, seed: int, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(dtype).requires_grad_()


@pytest.mark.parametrize("with_bias", [True, False])
def test_values_and_gradients_are_those_of_double_precision_within_a_rounding_of_bf16(linear, with_bias):
    x, w, b = (made(*shape, seed=n, dtype=torch.bfloat16) for n, shape in enumerate([(7, 5, 64), (33, 64), (33,)]))
    result = linear(x, w, b if with_bias else None)
    assert result.dtype == torch.bfloat16
    result.sum().backward()

    exact = [each.detach().double().requires_grad_() for each in (x, w, b)]
    expected = OF_TORCH(exact[0], exact[1], exact[2] if with_bias else None)
    expected.sum().backward()
    torch.testing.assert_close(result.double(), expected, rtol=2**-8, atol=2**-8)
    for each, of in zip((x, w, b)[: 2 + with_bias], exact, strict=False):
        assert each.grad.dtype == torch.bfloat16
        torch.testing.assert_close(each.grad.double(), of.grad, rtol=2**-7, atol=2**-5)


def test_other_types_are_torchs_own_to_the_last_bit(linear):
    x, w = made(7, 64, seed=1, dtype=torch.float32), made(33, 64, seed=2, dtype=torch.float32)
    assert torch.equal(linear(x, w), OF_TORCH(x, w))


@pytest.mark.parametrize("shapes", [((3, 2, 7, 32), (3, 2, 32, 7)), ((5, 9), (9,)), ((9,), (9,)), ((4, 5), (3, 5, 2))])
def test_products_and_their_gradients_are_those_of_double_precision_within_a_rounding_of_bf16(matmul, shapes):
    a, b = (made(*shape, seed=n, dtype=torch.bfloat16) for n, shape in enumerate(shapes))
    result = matmul(a, b)
    assert result.dtype == torch.bfloat16
    result.sum().backward()

    exact = [each.detach().double().requires_grad_() for each in (a, b)]
    expected = MATMUL(*exact)
    expected.sum().backward()
    torch.testing.assert_close(result.double(), expected, rtol=2**-8, atol=2**-8)
    for each, of in zip((a, b), exact, strict=True):
        torch.testing.assert_close(each.grad.double(), of.grad, rtol=2**-7, atol=2**-5)


def test_other_products_are_torchs_own(matmul):
    a, b = made(7, 64, seed=1, dtype=torch.float32), made(64, 3, seed=2, dtype=torch.float32)
    assert torch.equal(matmul(a, b), MATMUL(a, b))
    with pytest.raises(RuntimeError, match="same dtype"):
        matmul(a, b.bfloat16())
    out = torch.empty(7, 3, dtype=torch.bfloat16)
    assert matmul(a.detach().bfloat16(), b.detach().bfloat16(), out=out) is out
