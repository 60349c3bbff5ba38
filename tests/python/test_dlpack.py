"""DLPack: no copies, and memory lives exactly as long as somebody has it."""
import gc
import weakref

import numpy as np
import pytest

import tenon


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u1", "?"])
def test_both_ways(dtype):
    array = np.ones((2, 3), dtype)
    tensor = tenon.from_dlpack(array)
    assert tensor.shape == (2, 3) and np.shares_memory(tensor.numpy(), array)
    back = np.from_dlpack(tensor)
    assert back.dtype == array.dtype and np.shares_memory(back, array)


def test_the_array_lives_as_long_as_the_tensor():
    array = np.arange(4, dtype=np.float32)
    watch = weakref.ref(array)
    tensor = tenon.from_dlpack(array)
    del array
    gc.collect()
    assert watch() is not None and tensor.numpy().tolist() == [0, 1, 2, 3]
    del tensor
    gc.collect()
    assert watch() is None


def test_the_tensor_lives_as_long_as_the_array():
    graph = tenon.Graph()
    graph.output("y", graph.input("x", "f32", ["n"]) + 1.0)
    run = tenon.compile(graph)
    arrays = [np.from_dlpack(run.run([np.full(500, k, np.float32)])[0]) for k in range(40)]
    del run, graph
    gc.collect()
    assert all((a == k + 1).all() for k, a in enumerate(arrays))


@pytest.mark.parametrize("version", [None, (1, 0)])
def test_a_capsule_that_nobody_takes(version):
    array = np.zeros(4, np.float32)
    watch = weakref.ref(array)
    capsule = tenon.Tensor(array).__dlpack__(max_version=version)
    del array
    gc.collect()
    assert watch() is not None
    del capsule
    gc.collect()
    assert watch() is None


def test_strides():
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    for view in (array.T, array[::2, ::-1], array[1:, 2:4], np.broadcast_to(array[0], (3, 6))):
        tensor = tenon.from_dlpack(view)
        assert tensor.shape == view.shape
        assert np.array_equal(tensor.numpy(), view)
        assert np.array_equal(np.from_dlpack(tensor), view)
        graph = tenon.Graph()
        x = graph.input("x", "f32", view.shape)
        graph.output("y", x + x)
        (result,) = tenon.compile(graph, device="ref").run([tensor])
        assert np.array_equal(np.asarray(result), view + view)


def test_refusals():
    with pytest.raises(tenon.UnsupportedError):
        tenon.from_dlpack(np.zeros(3, complex))
    with pytest.raises(BufferError, match="CPU"):
        tenon.Tensor(np.zeros(3)).__dlpack__(dl_device=(2, 0))
    with pytest.raises(tenon.UnsupportedError):
        tenon.Tensor(np.array(["a"])).__dlpack__()

    class Used:
        def __init__(self):
            self.capsule = np.zeros(2).__dlpack__()

        def __dlpack__(self, **_):
            return self.capsule
    used = Used()
    tenon.from_dlpack(used)
    with pytest.raises(TypeError, match="used before"):
        tenon.from_dlpack(used)
    assert tenon.Tensor(np.zeros(3)).__dlpack_device__() == (1, 0)
    one = tenon.Tensor(np.zeros(3))
    assert not np.shares_memory(np.from_dlpack(one, copy=True), one.numpy())
