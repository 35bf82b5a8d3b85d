/* SPDX-License-Identifier: MIT */
/*
 * Two hosts with sockets, joined by a wire without delay, in virtual time: `p->here` is
 * 192.0.2.1 and 2001:db8::1, `p->there` is 192.0.2.2 and 2001:db8::2.
 */
#ifndef TESTS_SOCK_PAIR_H
#define TESTS_SOCK_PAIR_H

#include "drivers/alloc.h"
#include "harness/test.h"
#include "sock/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

struct side {
    struct estab_stack *stack;
    struct estab_sock_host *host;
    unsigned packets; /* sent */
    uint8_t last_ctl; /* TCP control bits of the last one */
};

struct pair {
    struct side here, there;
    estab_time now;
    bool cut; /* packets are lost */
};

#define MTU 1500

static inline void
add_side(struct side *side, uint8_t number, void (*change)(struct estab_config *))
{
    struct estab_addr a4 = estab_addr_v4(192, 0, 2, number), a6;
    struct estab_config cfg;

    estab_config_init(&cfg);
    cfg.secret[0] = number;
    cfg.alloc = estab_alloc_system();
    if (change != NULL)
        change(&cfg);
    side->stack = estab_stack_new(&cfg);
    assert_non_null(side->stack);
    assert_int_equal(estab_stack_add_interface(side->stack, &(struct estab_link){ .mtu = MTU }), 1);
    assert_int_equal(estab_stack_add_address(side->stack, 1, &a4, 24), 0);
    assert_int_equal(estab_addr_parse(&a6, number == 1 ? "2001:db8::1" : "2001:db8::2"), 0);
    assert_int_equal(estab_stack_add_address(side->stack, 1, &a6, 64), 0);
    side->host = estab_sock_host_new(side->stack, &cfg, 64);
    assert_non_null(side->host);
}

static inline struct pair *
pair_new_with(void (*change)(struct estab_config *))
{
    struct pair *p = test_calloc(1, sizeof(*p));

    add_side(&p->here, 1, change);
    add_side(&p->there, 2, change);
    p->now = ESTAB_SEC(1);
    return p;
}

static inline struct pair *
pair_new(void)
{
    return pair_new_with(NULL);
}

static inline void
pair_free(struct pair *p)
{
    estab_sock_host_free(p->here.host);
    estab_sock_host_free(p->there.host);
    estab_stack_free(p->here.stack);
    estab_stack_free(p->there.stack);
    test_free(p);
}

static inline size_t
carry(struct pair *p, struct side *from, struct side *to)
{
    uint8_t room[MTU];
    struct estab_frame f = { .data = room, .cap = sizeof(room) };
    size_t n = estab_stack_output(from->stack, 1, &f, 1, p->now);

    if (n == 0)
        return 0;
    from->packets++;
    from->last_ctl = room[(room[0] >> 4 == 4 ? 20 : 40) + 13];
    if (!p->cut)
        estab_stack_input(to->stack, 1, &f, 1, p->now);
    return n;
}

/* Until both hosts have nothing more to say at this instant. */
static inline void
settle(struct pair *p)
{
    for (unsigned i = 0; i < 100000; i++) {
        estab_stack_tick(p->here.stack, p->now);
        estab_stack_tick(p->there.stack, p->now);
        if (carry(p, &p->here, &p->there) + carry(p, &p->there, &p->here) == 0 &&
            estab_stack_deadline(p->here.stack) > p->now &&
            estab_stack_deadline(p->there.stack) > p->now) {
            estab_sock_host_run(p->here.host, p->now);
            estab_sock_host_run(p->there.host, p->now);
            return;
        }
    }
    fail_msg("%s", "the hosts never stop talking");
}

static inline void
pass(struct pair *p, estab_time ns)
{
    estab_time end = p->now + ns;

    settle(p);
    for (;;) {
        estab_time a = estab_stack_deadline(p->here.stack),
                   b = estab_stack_deadline(p->there.stack);
        estab_time next = a < b ? a : b;

        if (next > end)
            break;
        p->now = next;
        settle(p);
    }
    p->now = end;
    settle(p);
}

/* ---- addresses ---- */

static inline struct sockaddr_in
in4(const char *text, uint16_t port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

    assert_int_equal(inet_pton(AF_INET, text, &a.sin_addr), 1);
    return a;
}

static inline struct sockaddr_in6
in6(const char *text, uint16_t port)
{
    struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

    assert_int_equal(inet_pton(AF_INET6, text, &a.sin6_addr), 1);
    return a;
}

#define ADDR(a) ((const struct sockaddr *)&(a)), (socklen_t)sizeof(a)

/* ---- calls, non-blocking unless a call record is given ---- */

static inline struct estab_sock *
opens(struct side *side, int domain)
{
    struct estab_sock *s;

    assert_int_equal(estab_sock_open(side->host, domain, SOCK_STREAM | SOCK_NONBLOCK, 0, &s), 0);
    return s;
}

static inline int
binds(struct estab_sock *s, const char *text, uint16_t port)
{
    if (strchr(text, ':') != NULL) {
        struct sockaddr_in6 a = in6(text, port);

        return estab_sock_bind(s, ADDR(a));
    }
    struct sockaddr_in a = in4(text, port);
    return estab_sock_bind(s, ADDR(a));
}

static inline int
connects(struct pair *p, struct estab_sock *s, const char *text, uint16_t port)
{
    struct estab_sock_call call = { 0 };
    int err;

    if (strchr(text, ':') != NULL) {
        struct sockaddr_in6 a = in6(text, port);

        err = estab_sock_connect(s, ADDR(a), &call, p->now);
    } else {
        struct sockaddr_in a = in4(text, port);

        err = estab_sock_connect(s, ADDR(a), &call, p->now);
    }
    settle(p);
    return err;
}

static inline int
accepts(struct pair *p, struct estab_sock *s, struct estab_sock **out)
{
    struct estab_sock_call call = { 0 };

    return estab_sock_accept(s, NULL, NULL, SOCK_NONBLOCK, out, &call, p->now);
}

static inline int
closes(struct pair *p, struct estab_sock *s)
{
    struct estab_sock_call call = { 0 };
    int err = estab_sock_close(s, &call, p->now);

    settle(p);
    return err;
}

static inline ptrdiff_t
sends(struct pair *p, struct estab_sock *s, const void *data, size_t len, int flags)
{
    struct estab_sock_call call = { 0 };
    ptrdiff_t n = estab_sock_send(s, data, len, flags, &call, p->now);

    settle(p);
    return n;
}

static inline ptrdiff_t
receives(struct pair *p, struct estab_sock *s, void *buf, size_t len, int flags)
{
    struct estab_sock_call call = { 0 };
    ptrdiff_t n = estab_sock_recv(s, buf, len, flags, &call, p->now);

    settle(p);
    return n;
}

/* The next octets are exactly these. */
#define expect_text(p, s, text)                                                                    \
    do {                                                                                           \
        char got_[256] = { 0 };                                                                    \
        assert_int_equal(receives(p, s, got_, sizeof(got_), 0), strlen(text));                     \
        assert_string_equal(got_, text);                                                           \
    } while (0)

static inline int
sets(struct pair *p, struct estab_sock *s, int level, int name, int v)
{
    int err = estab_sock_setsockopt(s, level, name, &v, sizeof(v), p->now);

    settle(p);
    return err;
}

/* The value, or a negative errno. */
static inline int
gets_(struct pair *p, struct estab_sock *s, int level, int name)
{
    int v = 0;
    socklen_t len = sizeof(v);
    int err = estab_sock_getsockopt(s, level, name, &v, &len, p->now);

    return err < 0 ? err : v;
}

static inline uint32_t
polls(struct pair *p, struct estab_sock *s)
{
    return estab_sock_poll(s, p->now);
}

/* A listener there on port 80, connected to from here and accepted. */
struct joined {
    struct estab_sock *listener, *a, *b; /* a is here, b there */
};

static inline struct joined
join(struct pair *p)
{
    struct joined j = { .listener = opens(&p->there, AF_INET), .a = opens(&p->here, AF_INET) };

    assert_int_equal(sets(p, j.listener, SOL_SOCKET, SO_REUSEADDR, 1), 0);
    assert_int_equal(binds(j.listener, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(j.listener, 5, p->now), 0);
    assert_int_equal(connects(p, j.a, "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(accepts(p, j.listener, &j.b), 0);
    assert_int_equal(connects(p, j.a, "192.0.2.2", 80), 0);
    return j;
}

static inline uint32_t
connections(const struct side *side)
{
    struct estab_stack_status st;

    estab_stack_status(side->stack, &st);
    return st.connections;
}

#endif
