"""Tensors: what is borrowed, what is copied, and who keeps whom alive."""
import gc
import threading
import weakref

import numpy as np
import pytest

import tenon


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8", "bool"])
def test_borrows_every_numpy_type(dtype):
    array = np.ones((2, 3), tenon._dtypes.numpy_dtype(dtype))
    tensor = tenon.Tensor(array)
    assert (tensor.dtype, tensor.shape, tensor.size, tensor.nbytes) == (dtype, (2, 3), 6, array.nbytes)
    assert np.shares_memory(tensor.numpy(), array)
    array[1, 2] = 0
    assert tensor.numpy()[1, 2] == 0


@pytest.mark.parametrize("dtype", ["bf16", "f8e4m3", "f8e5m2", "f8e4m3fnuz", "f8e5m2fnuz", "f8e8m0"])
def test_borrows_narrow_types(dtype):
    array = np.array([1, 2, 4], tenon._dtypes.numpy_dtype(dtype))
    tensor = tenon.Tensor(array)
    assert tensor.dtype == dtype and tensor.numpy().dtype == array.dtype
    assert np.shares_memory(tensor.numpy(), array)
    np.testing.assert_array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("dtype, values", [("i4", [-8, 7, 3, -1, 5]), ("u4", [0, 15, 3]), ("i2", [-2, 1, 0, -1, 1]), ("u2", [3, 0, 1]),
                                           ("f4e2m1", [0.5, 6, -1.5])])
def test_packed_types_go_round(dtype, values):
    array = np.array(values, np.float32).astype(tenon._dtypes.numpy_dtype(dtype))
    tensor = tenon.Tensor(array)
    assert tensor.nbytes == -(-len(values) * tenon._dtypes.PACKED[dtype] // 8)
    np.testing.assert_array_equal(tensor.numpy().astype(np.float32), np.array(values, np.float32))


def test_strings_go_round():
    texts = np.array([["a", ""], ["déjà", "x" * 300]], object)
    tensor = tenon.Tensor(texts)
    assert tensor.dtype == "string" and tensor.shape == (2, 2)
    assert tensor.numpy().tolist() == texts.tolist()
    assert tenon.Tensor(np.array(["ab", "c"])).numpy().tolist() == ["ab", "c"]


@pytest.mark.parametrize("make", [lambda: np.arange(12.0).reshape(3, 4).T, lambda: np.arange(12.0)[::2], lambda: np.arange(3, dtype=">f4"),
                                  lambda: np.frombuffer(bytes(17), np.uint8)[1:].view(np.float64)])
def test_what_does_not_lie_right_is_copied(make):
    array = make()
    tensor = tenon.Tensor(array)
    np.testing.assert_array_equal(tensor.numpy(), array)
    assert tensor.numpy().flags.c_contiguous and tensor.numpy().dtype.isnative


def test_scalars_empty_and_zeros():
    assert tenon.Tensor(np.float32(2)).shape == () and tenon.Tensor(3.0).dtype == "f64"
    assert tenon.Tensor(np.zeros((0, 3), np.float32)).numpy().shape == (0, 3)
    zeros = tenon.Tensor.zeros((2, 2), "i32")
    zeros.numpy()[0, 1] = 5
    assert zeros.numpy().tolist() == [[0, 5], [0, 0]]


def test_tensor_keeps_the_array():
    gc.collect()
    before = len(tenon._tensor._lent)
    array = np.arange(4, dtype=np.float32)
    watch = weakref.ref(array)
    tensor = tenon.Tensor(array)
    del array
    gc.collect()
    assert watch() is not None and tensor.numpy().tolist() == [0, 1, 2, 3]
    del tensor
    gc.collect()
    assert watch() is None and len(tenon._tensor._lent) == before


def test_the_library_keeps_the_array_of_a_constant():
    array = np.arange(4, dtype=np.float32)
    watch = weakref.ref(array)
    graph = tenon.Graph()
    graph.output("y", graph.input("x", "f32", [4]) + array)
    del array
    executable = tenon.compile(graph, device="ref")
    del graph
    gc.collect()
    assert watch() is not None
    assert executable(np.ones(4, np.float32)).tolist() == [1, 2, 3, 4]
    del executable
    gc.collect()
    assert watch() is None


def test_view_outlives_the_tensor():
    graph = tenon.Graph()
    graph.output("y", graph.input("x", "f32", ["n"]) * 2.0)
    executable = tenon.compile(graph)
    views = [executable(np.full(1000, k, np.float32))[10:20] for k in range(50)]
    del executable, graph
    gc.collect()
    for k, view in enumerate(views):
        assert (view == 2 * k).all()


def test_read_only_arrays_give_read_only_views():
    array = np.ones(3, np.float32)
    array.flags.writeable = False
    view = tenon.Tensor(array).numpy()
    with pytest.raises(ValueError):
        view[0] = 2


def test_array_protocol():
    tensor = tenon.Tensor(np.arange(3, dtype=np.float32))
    assert np.asarray(tensor).tolist() == [0, 1, 2] and np.asarray(tensor, np.int64).dtype == np.int64
    assert not np.shares_memory(np.array(tensor), tensor.numpy())
    assert len(tensor) == 3 and repr(tensor) == "tenon.Tensor(f32[3])"


def test_many_tensors_in_threads_are_all_given_back():
    before = len(tenon._tensor._lent)

    def work():
        for _ in range(300):
            assert tenon.Tensor(np.ones(8, np.float32)).numpy().sum() == 8
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    gc.collect()
    assert len(tenon._tensor._lent) == before


def test_bad_tensors():
    with pytest.raises(TypeError, match="complex128"):
        tenon.Tensor(np.ones(2, complex))
    with pytest.raises(TypeError, match="no length"):
        len(tenon.Tensor(np.float32(1)))
    with pytest.raises(tenon.Error, match="-1"):
        tenon.Tensor.zeros((2, -1))
    with pytest.raises(tenon.LimitExceededError):
        tenon.Tensor.zeros((1 << 40, 1 << 20))
    small = tenon.Context(limits={"max_elements": 4})
    with pytest.raises(tenon.LimitExceededError, match="max_elements"):
        tenon.Tensor(np.ones(5, np.float32), context=small)
    assert not any(isinstance(x, np.ndarray) and x.size == 5 for x in tenon._tensor._lent.values())
    with pytest.raises(ValueError, match="max_nodes"):
        tenon.Context(limits={"max_node": 3})
