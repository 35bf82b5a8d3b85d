/* SPDX-License-Identifier: MIT */
/* Refused calls: every function that can refuse returns a negative enum estab_err. The names
 * follow POSIX errno names one to one; only the OS-facing floors turn one into the other. */
#ifndef ESTAB_ERR_H
#define ESTAB_ERR_H

/* clang-format off */
/*            name             value  what it means                                               */
#define ESTAB_ERRORS(X)                                                                             \
    X(EAGAIN,           1, "nothing can be done now; try again after an event")                     \
    X(EINVAL,           2, "an argument is outside what the call accepts")                          \
    X(EBADF,            3, "the handle names no connection or listener (any more)")                 \
    X(ENOTCONN,         4, "the connection is not open")                                            \
    X(EISCONN,          5, "connection already exists")                                             \
    X(EADDRINUSE,       6, "the local address and port are in use")                                 \
    X(EADDRNOTAVAIL,    7, "the local address is not ours, or no ephemeral port is free")           \
    X(ENETUNREACH,      8, "no route to the network")                                               \
    X(EHOSTUNREACH,     9, "no route to the host")                                                  \
    X(ECONNREFUSED,    10, "connection refused")                                                    \
    X(ECONNRESET,      11, "connection reset by peer")                                              \
    X(ECONNABORTED,    12, "connection aborted locally")                                            \
    X(ETIMEDOUT,       13, "connection aborted due to user timeout: the peer stopped answering")    \
    X(EPIPE,           14, "connection closing: the sending side has been closed")                  \
    X(ENOMEM,          15, "the memory budget is spent")                                            \
    X(ENOBUFS,         16, "a table is at its configured limit")                                    \
    X(EMSGSIZE,        17, "message too long")                                                      \
    X(EAFNOSUPPORT,    18, "address family not supported here")                                     \
    X(EOPNOTSUPP,      19, "operation not supported on this handle")                                \
    X(EPROTO,          20, "protocol error")                                                        \
    X(EPROTONOSUPPORT, 21, "the peer does not speak this protocol")
/* clang-format on */

enum estab_err {
    ESTAB_OK = 0,
#define X(name, value, text) ESTAB_##name = value,
    ESTAB_ERRORS(X)
#undef X
};

#endif
