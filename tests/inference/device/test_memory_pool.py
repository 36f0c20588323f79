"""The pool of a GPU's memory, against a driver of a few lines that is compiled here."""

import re
import subprocess

import pytest

from inference.device import memory_pool

DRIVER = """
#include <stdint.h>
#include <stdio.h>
static void say(const char *what, long a, unsigned long long b) {
    FILE *f = fopen(CALLS, "a"); fprintf(f, "%s %ld %llu\\n", what, a, b); fclose(f);
}
int cuInit(unsigned flags) { say("init", flags, 0); return INIT; }
int cuDeviceGet(int *device, int index) { *device = index + 40; say("device", index, 0); return 0; }
#ifdef POOLS
int cuDeviceGetDefaultMemPool(void **pool, int device) { *pool = (void *)0x7000000000L; say("pool", device, 0); return 0; }
int cuMemPoolSetAttribute(void *pool, int attribute, void *value) {
    say(pool == (void *)0x7000000000L ? "set" : "wrong pool", attribute, *(uint64_t *)value); return 0;
}
#endif
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Builds and names the driver; returns what it was asked."""

    def build(*defines):
        source, library, calls = tmp_path / "cuda.c", tmp_path / f"lib{len(defines)}.so", tmp_path / "calls"
        source.write_text(DRIVER)
        flags = [f'-DCALLS="{calls}"', *(f"-D{define}" for define in defines)]
        subprocess.run(["gcc", "-shared", "-fPIC", *flags, "-o", library, source], check=True)
        monkeypatch.setattr(memory_pool, "LIBRARY", str(library))
        return calls

    return build


def test_the_default_pool_of_the_device_keeps_its_memory_without_bound(driver):
    calls = driver("INIT=0", "POOLS")
    assert memory_pool.keep(2)
    assert calls.read_text().splitlines() == ["init 0 0", "device 2 0", "pool 42 0", f"set 4 {2**64 - 1}"]


@pytest.mark.parametrize(
    ("defines", "reason"), [(["INIT=100", "POOLS"], "cuInit .* error 100"), (["INIT=0"], "cuDeviceGetDefaultMemPool")]
)
def test_a_driver_that_refuses_or_has_no_pools_is_told_in_one_line(driver, caplog, defines, reason):
    driver(*defines)
    assert not memory_pool.keep(0)
    (record,) = caplog.records
    assert re.search(reason, record.message)


def test_without_a_driver_the_pool_is_left_as_it_is(monkeypatch, caplog):
    monkeypatch.setattr(memory_pool, "LIBRARY", "libthat-is-nowhere.so.1")
    assert not memory_pool.keep(0)
    assert "libthat-is-nowhere.so.1" in caplog.text
