"""torch.compile(backend="tenon"), where torch is installed."""
import copy

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed here (TENON_PYTHON names an interpreter that has it)")

import tenon.torch_backend as backend

F = torch.nn.functional


@pytest.fixture(autouse=True)
def fresh():
    torch.manual_seed(0)
    torch._dynamo.reset()


def compiled(model, lines, **options):
    return torch.compile(model, backend=backend.tenon, dynamic=False, options={"report": lines.append, **options})


def check(model, *inputs, stay=0):
    lines = []
    with torch.no_grad():
        torch.testing.assert_close(compiled(model, lines)(*inputs), model(*inputs), rtol=1e-4, atol=1e-5)
    assert len(lines) == 1 and ("stay" in lines[0]) == bool(stay), lines
    return lines[0]


class Convolutions(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.linear = torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 10)

    def forward(self, x):
        y = F.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
        return torch.log_softmax(self.linear(y.mean((2, 3))), -1)


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.qkv, self.norm = torch.nn.Embedding(50, 32), torch.nn.Linear(32, 96), torch.nn.LayerNorm(32)

    def forward(self, tokens):
        x = self.norm(self.table(tokens))
        q, k, v = (t.unflatten(-1, (4, 8)).transpose(1, 2) for t in self.qkv(x).split(32, -1))
        mask = torch.ones(tokens.shape[1], tokens.shape[1]).tril() == 0
        scores = (q @ k.transpose(-1, -2) / 8 ** 0.5).masked_fill(mask, float("-inf"))
        return F.gelu((scores.softmax(-1) @ v).transpose(1, 2).flatten(2) + x)


def test_convolutions():
    assert "in 1 clusters" in check(Convolutions().eval(), torch.randn(2, 3, 16, 16))


def test_attention():
    check(Attention().eval(), torch.randint(0, 50, (2, 7)))


def test_strides_and_types():
    x = torch.randn(4, 6)
    for f in (lambda x: x.t() * 2, lambda x: x[:, ::2] + x[:, 1::2], lambda x: x.to(torch.float64).sum(0), lambda x: (x > 0) & (x < 1),
              lambda x: torch.where(x > 0, x, 0.5), lambda x: x.clamp(-1, 0.5), lambda x: torch.cat([x, x * 2], 1), lambda x: x.var(1),
              lambda x: x.to(torch.bfloat16) * 2, lambda x: x.argmax(1), lambda x: (x * 10).to(torch.int32) // 1 + 1, lambda x: x.expand(3, 4, 6),
              lambda x: F.pad(x, (1, 2), value=3.0), lambda x: x.pow(3) - x ** 0.5, lambda x: (x + 1, x[0], x)):
        torch._dynamo.reset()
        lines = []
        with torch.no_grad():
            got, wanted = compiled(f, lines)(x.abs().t().contiguous().t()), f(x.abs().t().contiguous().t())
        torch.testing.assert_close(got, wanted)
        for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in (got, wanted))):
            assert a.stride() == b.stride() and a.dtype == b.dtype


def test_what_tenon_lacks_stays_with_torch():
    line = check(lambda x: torch.fft.fft(x * 2).real + torch.sort(x + 1)[0] * 3, torch.randn(8), stay=1)
    assert "aten.sort.default 1: no rule" in line and "in 2 clusters" in line or "in 1 clusters" in line


def test_training_gives_the_same_gradients():
    model = Convolutions()
    twin, lines = copy.deepcopy(model), []
    x, target = torch.randn(4, 3, 16, 16), torch.tensor([1, 2, 3, 4])
    F.nll_loss(compiled(model, lines)(x), target).backward()
    F.nll_loss(twin(x), target).backward()
    for a, b in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5)
    assert len(lines) == 2 and all(int(line.split()[1]) > 0 for line in lines), lines


def test_outputs_outlive_the_model():
    model = Convolutions().eval()
    with torch.no_grad():
        wanted = model(x := torch.randn(1, 3, 8, 8))
        results = [compiled(model, [])(x) for _ in range(3)]
    del model
    torch._dynamo.reset()
    for r in results:
        torch.testing.assert_close(r, wanted, rtol=1e-4, atol=1e-5)


def test_options_reach_the_compiler():
    with torch.no_grad(), pytest.raises(Exception, match="threads"):
        compiled(lambda x: x * 2, [], thread=1)(torch.randn(3))
