/* SPDX-License-Identifier: MIT */
/*
 * Socket addresses: struct sockaddr_in and sockaddr_in6 to and from endpoints. An AF_INET6 socket
 * speaks IPv4 through v4-mapped addresses (RFC 4291 §2.5.5.2). Called from bind.c and connect.c.
 */
#include "sock/internal.h"

#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static int
from_in(const struct sockaddr *addr, socklen_t len, struct estab_endpoint *out)
{
    struct sockaddr_in in;

    if (len < sizeof(in))
        return -EINVAL;
    memcpy(&in, addr, sizeof(in));
    /* AF_UNSPEC with 0.0.0.0 is an old habit that Linux still honours. */
    if (in.sin_family != AF_INET && (in.sin_family != AF_UNSPEC || in.sin_addr.s_addr != 0))
        return -EAFNOSUPPORT;
    out->addr.family = ESTAB_INET;
    memcpy(out->addr.bytes, &in.sin_addr, 4);
    out->port = ntohs(in.sin_port);
    return 0;
}

static int
from_in6(const struct estab_sock *s, const struct sockaddr *addr, socklen_t len,
         struct estab_endpoint *out)
{
    struct sockaddr_in6 in;

    /* RFC 2133's struct had no scope id: 24 octets are enough */
    if (len < offsetof(struct sockaddr_in6, sin6_scope_id))
        return -EINVAL;
    memset(&in, 0, sizeof(in));
    memcpy(&in, addr, len < sizeof(in) ? len : sizeof(in));
    if (in.sin6_family != AF_INET6)
        return -EAFNOSUPPORT;
    out->port = ntohs(in.sin6_port);
    if (memcmp(&in.sin6_addr, mapped, sizeof(mapped)) == 0) {
        if (s->v6only)
            return -EINVAL;
        out->addr.family = ESTAB_INET;
        memcpy(out->addr.bytes, (const uint8_t *)&in.sin6_addr + 12, 4);
        return 0;
    }
    out->addr.family = ESTAB_INET6;
    out->addr.zone = in.sin6_scope_id;
    memcpy(out->addr.bytes, &in.sin6_addr, 16);
    return 0;
}

int
estab_sock_from_sockaddr(const struct estab_sock *s, const struct sockaddr *addr, socklen_t len,
                         struct estab_endpoint *out)
{
    memset(out, 0, sizeof(*out));
    if (addr == NULL)
        return -EFAULT;
    return s->ipv6 ? from_in6(s, addr, len, out) : from_in(addr, len, out);
}

/* Writes as much as there is room for and tells the whole length, as getsockname(2). */
void
estab_sock_to_sockaddr(const struct estab_sock *s, const struct estab_endpoint *e,
                       struct sockaddr *addr, socklen_t *len)
{
    union {
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } u;
    socklen_t size;

    memset(&u, 0, sizeof(u));
    if (s->ipv6) {
        size = sizeof(u.in6);
        u.in6.sin6_family = AF_INET6;
        u.in6.sin6_port = htons(e->port);
        if (e->addr.family == ESTAB_INET) {
            memcpy(&u.in6.sin6_addr, mapped, sizeof(mapped));
            memcpy((uint8_t *)&u.in6.sin6_addr + 12, e->addr.bytes, 4);
        } else {
            memcpy(&u.in6.sin6_addr, e->addr.bytes, 16);
            u.in6.sin6_scope_id = e->addr.zone;
        }
    } else {
        size = sizeof(u.in);
        u.in.sin_family = AF_INET;
        u.in.sin_port = htons(e->port);
        memcpy(&u.in.sin_addr, e->addr.bytes, 4);
    }
    if (addr != NULL)
        memcpy(addr, &u, *len < size ? *len : size);
    *len = size;
}
