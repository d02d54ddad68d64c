"""A seccomp filter that allows only the system calls of a computation. All others fail with EACCES.

A program under this filter can compute, read files and use the pipes that it has. It cannot write a file, open a
socket, start a thread, a process or another program, send a signal, or change a limit, an owner or a time stamp.
"""

import ctypes
import os
import struct

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000 | 13, 0x80000000
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16
# O_WRONLY, O_RDWR, O_CREAT, O_TRUNC: the same on both architectures.
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

# read write readv writev pread64 close fstat fstatat statx lseek mmap mprotect munmap mremap madvise brk rt_sigaction
# rt_sigprocmask rt_sigreturn sigaltstack dup dup3 getdents64 getcwd faccessat faccessat2 readlinkat getpid
# getppid gettid getuid geteuid getgid getegid uname times getrusage clock_gettime clock_getres clock_nanosleep
# nanosleep gettimeofday getrandom futex sched_yield sched_getaffinity sysinfo ppoll pselect6 pipe2 exit exit_group
# set_tid_address set_robust_list rseq getrlimit membarrier restart_syscall setitimer getitimer chdir fchdir
_X86_64 = (
    0, 1, 19, 20, 17, 3, 5, 262, 332, 8, 9, 10, 11, 25, 28, 12, 13, 14, 15, 131, 32, 292, 217, 79, 269, 439,
    267, 39, 110, 186, 102, 107, 104, 108, 63, 100, 98, 228, 229, 230, 35, 96, 318, 202, 24, 204, 99, 271, 270, 293, 60,
    231, 218, 273, 334, 97, 324, 219, 38, 36, 80, 81,
    # stat lstat dup2 access readlink time poll select pipe alarm pause arch_prctl
    4, 6, 33, 21, 89, 201, 7, 23, 22, 37, 34, 158,
)  # fmt: skip
_AARCH64 = (
    63, 64, 65, 66, 67, 57, 80, 79, 291, 62, 222, 226, 215, 216, 233, 214, 134, 135, 139, 132, 23, 24, 61, 17,
    48, 439, 78, 172, 173, 178, 174, 175, 176, 177, 160, 153, 165, 113, 114, 115, 101, 169, 278, 98, 124, 123, 179, 73,
    72, 59, 93, 94, 96, 99, 293, 163, 283, 128, 103, 102, 49, 50,
)  # fmt: skip
# Of fcntl: DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC. Others let the kernel signal another process.
_FCNTL = (0, 1, 2, 3, 4, 1030)
# Of ioctl: TCGETS, FIONCLEX, FIOCLEX, which Python calls for each file.
_IOCTL = (0x5401, 0x5450, 0x5451)
# Machine -> audit architecture, allowed calls, {call that opens a file: place of its flags}, fcntl and ioctl.
_MACHINES = {
    "x86_64": (0xC000003E, _X86_64, {257: 2, 2: 1}, (72, 16)),
    "aarch64": (0xC00000B7, _AARCH64, {56: 2}, (25, 29)),
}

_libc = ctypes.CDLL(None, use_errno=True)


def only_computing() -> bool:
    """Restrict this process to the allowed calls permanently. Return whether the kernel does so.

    The process must have PR_SET_NO_NEW_PRIVS (passk/verifiers/sandbox.py).
    """
    machine = os.uname().machine
    if machine not in _MACHINES:
        return False
    architecture, allowed, opening, limited = _MACHINES[machine]
    code = [
        _instruction(_LOAD, _ARCHITECTURE_OFFSET),
        _instruction(_JUMP_IF_EQUAL, architecture, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER_OFFSET),
    ]
    for number, place in opening.items():  # allowed unless it writes
        body = [_instruction(_JUMP_IF_ANY_BIT, _WRITES, 0, 1), _instruction(_RETURN, _FAIL)]
        code += _for_call(number, place, [*body, _instruction(_RETURN, _ALLOW)])
    for number, commands in zip(limited, (_FCNTL, _IOCTL), strict=True):
        body = [each for value in commands for each in _allowed_if(value)]
        code += _for_call(number, 1, [*body, _instruction(_RETURN, _FAIL)])
    for number in allowed:
        code += _allowed_if(number)
    code.append(_instruction(_RETURN, _FAIL))
    program = b"".join(code)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(buffer)))
    return not _libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0)


def _allowed_if(value: int) -> list[bytes]:
    """Allow the call if the loaded number equals `value`."""
    return [_instruction(_JUMP_IF_EQUAL, value, 0, 1), _instruction(_RETURN, _ALLOW)]


def _for_call(number: int, place: int, body: list[bytes]) -> list[bytes]:
    """Load the argument at `place` and run the body, which returns, if the call is `number`."""
    argument = _instruction(_LOAD, _ARGUMENTS_OFFSET + 8 * place)
    return [_instruction(_JUMP_IF_EQUAL, number, 0, len(body) + 1), argument, *body]


def _instruction(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, if_true, if_false, value)
