"""Stand-ins: inert, never called for a number, and gone after the context."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from alignprops._errors import InputError
from alignprops.hosts.stand_ins import stand_ins

HOST = """
import accelerator_of_nobody as nobody
from accelerator_of_nobody.remote.workers import Worker, task

class Mine(Worker):
    def __init__(self, size): self.size = size

@task
def doubled(x): return 2 * x

@nobody.workers.remote(cpus=1)
class Actor: size = 3

def count(): return nobody.init()
"""


@pytest.fixture
def host(install: Any) -> Any:
    """A module that was imported with a stand-in."""
    install("verl", "1.0", {"verl/__init__.py": HOST})
    with stand_ins("accelerator_of_nobody") as used:
        module = importlib.import_module("verl")
    assert used == ["accelerator_of_nobody", "accelerator_of_nobody.remote", "accelerator_of_nobody.remote.workers"]
    return module


def test_what_a_host_makes_of_them_is_its_own(host: Any) -> None:
    """Classes that inherit from one and functions that one decorates work as the host wrote them."""
    assert host.Mine(5).size == 5
    assert host.doubled(4) == 8


def test_they_are_removed_again(host: Any) -> None:
    """After the context nothing of them can be imported."""
    assert not [name for name in sys.modules if name.startswith("accelerator_of_nobody")]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("accelerator_of_nobody")


def test_they_are_removed_where_the_import_fails(install: Any) -> None:
    """Nor after an import that raised."""
    install("verl", "1.0", {"verl/__init__.py": "import accelerator_of_nobody\nraise RuntimeError('no')"})
    finders = list(sys.meta_path)
    with pytest.raises(RuntimeError), stand_ins("accelerator_of_nobody"):
        importlib.import_module("verl")
    assert sys.meta_path == finders
    assert "accelerator_of_nobody" not in sys.modules


def test_to_call_one_is_an_error(host: Any) -> None:
    """No number comes from a stand-in."""
    with pytest.raises(InputError, match=r"accelerator_of_nobody\.init is stood in for, and was called"):
        host.nobody.init("address", 3)


def test_a_single_module_can_be_stood_in_for() -> None:
    """`name!` leaves the package's other modules missing, so that nobody takes a kernel from it."""
    with stand_ins("accelerator_of_nobody!") as used:
        importlib.import_module("accelerator_of_nobody")
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("accelerator_of_nobody.kernels")
    assert used == ["accelerator_of_nobody"]


def test_an_installed_package_is_never_stood_in_for(install: Any) -> None:
    """What is there is used."""
    install("nobody", "1.0", {"accelerator_of_nobody/__init__.py": "name = 'real'"})
    with stand_ins("accelerator_of_nobody") as used:
        assert importlib.import_module("accelerator_of_nobody").name == "real"
    assert used == []
