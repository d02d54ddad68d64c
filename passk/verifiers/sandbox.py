"""Sandbox of a verifier's child process: no files, network or other programs.

Two features of the Linux kernel work without root and cannot be undone:

- Landlock (Linux 5.13 and later) lets the process read the listed directories only. It cannot write, create or
  delete files. From Linux 6.12 on it cannot signal other processes.
- A seccomp filter refuses new sockets, io_uring, new programs and access to other processes' memory.

A container or kernel may lack them. The process continues then, and `enter` returns the missing restrictions.
A process that runs a model's program calls `confine` instead, whose filter allows only a computation.
"""

import ctypes
import os
import struct
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import passk
from passk.verifiers import allowed_calls

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 22
# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ABI_VERSION, _PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# Landlock's ABI version -> number of its rights on files, up to that version.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_TCP_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

# (audit architecture, numbers of the refused calls) by machine: socket, socketpair, execve, execveat,
# ptrace, process_vm_readv, process_vm_writev, io_uring_setup.
_REFUSED_CALLS = {
    "x86_64": (0xC000003E, (41, 53, 59, 322, 101, 310, 311, 425)),
    "aarch64": (0xC00000B7, (198, 199, 221, 281, 117, 270, 271, 425)),
}
_X32_BIT = 0x40000000
_EACCES = 13
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000 | _EACCES, 0x80000000
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4

_SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")

_libc = ctypes.CDLL(None, use_errno=True)


def enter(readable: Iterable[str]) -> list[str]:
    """Restrict this process permanently, and return what the kernel leaves open: "files", "network and programs".

    readable: files and directories that stay readable; missing ones are skipped.
    """
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return ["files", "network and programs"]
    walls = {"files": _restrict_files(readable), "network and programs": _refuse_calls()}
    return [name for name, stands in walls.items() if not stands]


def confine(readable: Iterable[str]) -> list[str]:
    """Restrict this process to a computation permanently, and return what the kernel leaves open, like `enter`."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return ["files", "network and programs"]
    walls = {"files": _restrict_files(readable), "network and programs": allowed_calls.only_computing()}
    return [name for name, stands in walls.items() if not stands]


def installed() -> list[str]:
    """Return the directories of the system and of the installed packages, without the checkout around passk/."""
    checkout = str(Path(passk.__file__).parents[1])  # it may have more than the package
    elsewhere = [os.path.realpath(path) for path in sys.path if path and os.path.realpath(path) != checkout]
    return [*_SYSTEM, sys.prefix, sys.base_prefix, *elsewhere]


def empty_home() -> str:
    """Return a directory in which nothing can be created, and which disappears with this process.

    It is deleted but stays open, so the kernel refuses new entries.
    """
    directory = Path(tempfile.mkdtemp(prefix="passk-home-"))
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    directory.rmdir()
    return f"/proc/self/fd/{descriptor}"


def _restrict_files(readable: Iterable[str]) -> bool:
    abi = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ABI_VERSION)
    if abi < 1:
        return False
    handled = [(1 << _FILE_RIGHTS[min(abi, 5)]) - 1]
    if abi >= 4:
        handled.append(_TCP_BIND_AND_CONNECT)
    if abi >= 6:
        handled.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            _allow_reading(ruleset, path)
        return not _libc.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_reading(ruleset: int, path: str) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = _READ_FILE | _READ_DIR if Path(path).is_dir() else _READ_FILE
        _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)


def _refuse_calls() -> bool:
    machine = os.uname().machine
    if machine not in _REFUSED_CALLS:
        return False
    architecture, refused = _REFUSED_CALLS[machine]
    # A jump skips its number of instructions; the program ends with ALLOW, FAIL, KILL.
    body = [_instruction(_LOAD, _NUMBER_OFFSET), _instruction(_JUMP_IF_AT_LEAST, _X32_BIT, len(refused) + 1, 0)]
    body += [_instruction(_JUMP_IF_EQUAL, number, len(refused) - place, 0) for place, number in enumerate(refused)]
    head = [
        _instruction(_LOAD, _ARCHITECTURE_OFFSET),
        _instruction(_JUMP_IF_EQUAL, architecture, 0, len(body) + 2),
    ]
    tail = [_instruction(_RETURN, value) for value in (_ALLOW, _FAIL, _KILL)]
    code = b"".join(head + body + tail)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)))
    return not _libc.prctl(_PR_SET_SECCOMP, 2, program, 0, 0)


def _instruction(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, if_true, if_false, value)
