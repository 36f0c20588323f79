import pytest

from inference.device import cublas


def test_a_library_of_the_system_is_taken_as_it_is(monkeypatch):
    monkeypatch.setattr(cublas, "LIBRARY", "libc.so.6")
    assert cublas.preload() == "system"


def test_a_library_of_a_wheel_is_loaded_by_its_path_before_its_name_is_asked_for(monkeypatch, tmp_path):
    loaded = []
    monkeypatch.setattr(cublas, "loads", lambda name: False)
    monkeypatch.setattr(cublas, "wheel_library", lambda name: tmp_path / name)
    monkeypatch.setattr(cublas.ctypes, "CDLL", lambda path, mode: loaded.append(path))
    assert cublas.preload() == "wheel nvidia-cublas-cu12"
    assert loaded == [str(tmp_path / f"lib{name}.so.12") for name in ("nvrtc", "cublasLt", "cublas")], "in their order"


def test_without_one_the_user_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(cublas, "LIBRARY", "libthat-is-nowhere.so.12")
    monkeypatch.setattr(cublas, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"pip install drtranscribe\[gpu\]"):
        cublas.preload()
