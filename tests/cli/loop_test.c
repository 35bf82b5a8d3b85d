/* SPDX-License-Identifier: MIT */
/*
 * The loop, with stacks on wires in memory, watches and alarms (drivers/loop.h, drivers/memory.h,
 * drivers/alloc.h, drivers/random.h). It is the one test of real time; waits are milliseconds.
 */
#include "drivers/alloc.h"
#include "drivers/loop.h"
#include "drivers/memory.h"
#include "drivers/random.h"
#include "estab/estab.h"
#include "harness/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MTU = 1500, TEXT = 300000 };

/* Two hosts, 192.0.2.1 and .2, joined by a wire; the second sends TEXT octets to the first. */
struct world {
    struct loop *loop;
    struct memory_wire *wire;
    struct estab_stack *host[2];
    estab_conn listener, server, client;
    size_t sent, received;
    bool wrong, client_closed, server_closed;
    unsigned taps[2];
    struct loop_tap tap;
    estab_time started, connected;
};

static uint8_t
octet(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void
send_some(struct world *w, estab_time now)
{
    struct estab_span spans[2];

    while (w->sent < TEXT) {
        ptrdiff_t room = estab_reserve(w->host[1], w->client, TEXT - w->sent, spans);

        if (room < 0)
            return;
        for (size_t s = 0; s < 2; s++)
            for (size_t i = 0; i < spans[s].len; i++)
                spans[s].data[i] = octet(w->sent++);
        assert_int_equal(estab_commit(w->host[1], w->client, (size_t)room, now), 0);
    }
    (void)!estab_shutdown(w->host[1], w->client, now);
}

static void
client_event(void *ctx, const struct estab_event *event, estab_time now)
{
    struct world *w = ctx;

    if ((event->bits & ESTAB_CONNECTED) != 0)
        w->connected = now;
    if ((event->bits & (ESTAB_CONNECTED | ESTAB_WRITABLE)) != 0)
        send_some(w, now);
    if ((event->bits & (ESTAB_CLOSED | ESTAB_FAILED)) != 0)
        w->client_closed = true;
    if (w->client_closed && w->server_closed)
        estab_loop_stop(w->loop);
}

static void
server_event(void *ctx, const struct estab_event *event, estab_time now)
{
    struct world *w = ctx;
    uint8_t buf[5000];
    ptrdiff_t n;

    if (event->conn == w->listener) {
        assert_int_equal(estab_accept(w->host[0], w->listener, &w->server, now), 0);
        return;
    }
    while ((n = estab_receive(w->host[0], w->server, buf, sizeof buf, now)) > 0)
        for (ptrdiff_t i = 0; i < n; i++)
            w->wrong |= buf[i] != octet(w->received++);
    if (n == 0)
        (void)!estab_shutdown(w->host[0], w->server, now);
    if ((event->bits & (ESTAB_CLOSED | ESTAB_FAILED)) != 0)
        w->server_closed = true;
    if (w->client_closed && w->server_closed)
        estab_loop_stop(w->loop);
}

static void
tapped(void *ctx, const struct estab_stack *stack, unsigned ifindex, bool out,
       const struct estab_frame *frame, estab_time now)
{
    struct world *w = ctx;

    (void)stack;
    (void)now;
    assert_int_equal(ifindex, 1);
    assert_true(frame->len >= 40 && frame->len <= MTU + ESTAB_LINK_HEADER_MAX);
    w->taps[out]++;
}

static void
open_world(struct world *w, estab_time delay, uint8_t kind)
{
    struct estab_config cfg;
    struct estab_link link = { .mtu = MTU, .kind = kind, .mac = { 2 } };
    struct failure why;

    memset(w, 0, sizeof *w);
    w->loop = estab_loop_new(&why);
    w->wire = estab_memory_new(MTU + ESTAB_LINK_HEADER_MAX, delay, 1000);
    assert_non_null(w->loop);
    assert_non_null(w->wire);
    for (unsigned i = 0; i < 2; i++) {
        struct packet_link port = estab_memory_link(w->wire, i);
        struct estab_addr addr = estab_addr_v4(192, 0, 2, (uint8_t)(i + 1));

        estab_config_init(&cfg);
        cfg.alloc = estab_alloc_system();
        assert_int_equal(estab_random_secret(cfg.secret, &why), 0);
        w->host[i] = estab_stack_new(&cfg);
        assert_non_null(w->host[i]);
        link.mac[5] = (uint8_t)i;
        assert_int_equal(estab_stack_add_interface(w->host[i], &link), 1);
        assert_int_equal(estab_stack_add_address(w->host[i], 1, &addr, 24), 0);
        assert_int_equal(estab_loop_add_stack(w->loop, w->host[i],
                                              i == 0 ? server_event : client_event, w, &why),
                         0);
        assert_int_equal(estab_loop_add_link(w->loop, w->host[i], 1, &port, &why), 0);
    }
    w->tap = (struct loop_tap){ .call = tapped, .ctx = w };
    estab_loop_add_tap(w->loop, &w->tap);
}

static void
close_world(struct world *w)
{
    estab_stack_free(w->host[0]);
    estab_stack_free(w->host[1]);
    estab_memory_free(w->wire);
    estab_loop_free(w->loop);
}

static void
transfer(struct world *w, estab_time delay, uint8_t kind)
{
    const struct estab_endpoint to = { estab_addr_v4(192, 0, 2, 1), 80 };
    struct failure why;

    open_world(w, delay, kind);
    w->started = estab_loop_now(w->loop);
    assert_int_equal(estab_listen(w->host[0], &to, 4, NULL, &w->listener, w->started), 0);
    assert_int_equal(estab_connect(w->host[1], NULL, &to, NULL, &w->client, w->started), 0);
    assert_int_equal(estab_loop_run(w->loop, &why), 0);
    assert_int_equal(w->received, TEXT);
    assert_false(w->wrong);
    assert_true(w->taps[0] > TEXT / MTU && w->taps[0] <= w->taps[1]);
}

TEST(two_stacks_on_a_wire_transfer_every_octet)
{
    struct world w;

    transfer(&w, 0, ESTAB_LINK_IP);
    close_world(&w);
}

TEST(a_wire_carries_ethernet_as_well)
{
    struct world w;
    struct estab_stack_status st;

    transfer(&w, 0, ESTAB_LINK_ETHERNET);
    estab_stack_status(w.host[1], &st);
    assert_true(st.reasons[ESTAB_WHY_ARP_REQUEST] >= 1);
    assert_int_equal(st.neighbours, 1);
    close_world(&w);
}

TEST(a_wire_delays_each_direction)
{
    struct world w;

    transfer(&w, ESTAB_MS(5), ESTAB_LINK_IP);
    assert_true(w.connected - w.started >= ESTAB_MS(10));
    close_world(&w);
}

TEST(a_full_wire_loses_and_counts)
{
    struct memory_wire *wire = estab_memory_new(100, 0, 2);
    struct packet_link a = estab_memory_link(wire, 0), b = estab_memory_link(wire, 1);
    uint8_t octets[3][100] = { { 1 }, { 2 }, { 3 } };
    struct estab_frame frames[3], in[3];
    struct failure why;

    for (size_t i = 0; i < 3; i++) {
        frames[i] = (struct estab_frame){ .data = octets[i], .len = 100, .cap = 100 };
        in[i] = (struct estab_frame){ .data = malloc(100), .cap = 100 };
    }
    assert_int_equal(a.transmit(a.ctx, frames, 3, 0, &why), 3);
    assert_int_equal(estab_memory_lost(wire, 1), 1);
    assert_int_equal(a.receive(a.ctx, in, 3, 0, &why), 0);
    assert_int_equal(b.deadline(b.ctx), 0);
    assert_int_equal(b.receive(b.ctx, in, 3, 0, &why), 2);
    assert_int_equal(in[0].data[0], 1);
    assert_int_equal(in[1].data[0], 2);
    assert_true(b.deadline(b.ctx) == ESTAB_NEVER);
    for (size_t i = 0; i < 3; i++)
        free(in[i].data);
    estab_memory_free(wire);
}

/* --- alarms and watches --- */

struct calls {
    struct loop *loop;
    struct loop_watch watch;
    struct loop_alarm alarm;
    int n, last;
    unsigned events;
    estab_time at;
};

static void
alarm_rang(void *ctx, estab_time now)
{
    struct calls *c = ctx;

    c->at = now;
    estab_loop_stop(c->loop);
}

static void
became_ready(void *ctx, uint32_t ready, estab_time now)
{
    struct calls *c = ctx;
    char buf[16];

    (void)now;
    c->events |= ready;
    c->n++;
    c->last = (int)read(c->watch.fd, buf, sizeof buf);
    if (c->last == 0 || c->n == 10)
        estab_loop_stop(c->loop);
}

TEST(an_alarm_rings_once_at_its_time_and_never_early)
{
    struct failure why;
    struct calls c = { .loop = estab_loop_new(&why) };
    estab_time at = estab_loop_now(c.loop) + ESTAB_MS(3);

    estab_loop_set_alarm(c.loop, &c.alarm, at + ESTAB_SEC(100), alarm_rang, &c);
    estab_loop_set_alarm(c.loop, &c.alarm, at, alarm_rang, &c);
    assert_int_equal(estab_loop_run(c.loop, &why), 0);
    assert_true(c.at >= at);
    assert_true(c.alarm.at == ESTAB_NEVER);
    estab_loop_free(c.loop);
}

TEST(a_watch_sees_a_pipe_and_its_end)
{
    struct failure why;
    struct calls c = { .loop = estab_loop_new(&why) };
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "abc", 3), 3);
    close(ends[1]);
    assert_int_equal(estab_loop_watch(c.loop, &c.watch, ends[0], EPOLLIN, became_ready, &c, &why),
                     0);
    assert_int_equal(estab_loop_run(c.loop, &why), 0);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.last, 0);
    estab_loop_unwatch(c.loop, &c.watch);
    estab_loop_unwatch(c.loop, &c.watch);
    close(ends[0]);
    estab_loop_free(c.loop);
}

TEST(a_resting_watch_is_not_called_even_for_a_hangup)
{
    struct failure why;
    struct calls c = { .loop = estab_loop_new(&why) };
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[1]);
    assert_int_equal(estab_loop_watch(c.loop, &c.watch, ends[0], 0, became_ready, &c, &why), 0);
    estab_loop_set_alarm(c.loop, &c.alarm, estab_loop_now(c.loop) + ESTAB_MS(2), alarm_rang, &c);
    assert_int_equal(estab_loop_run(c.loop, &why), 0);
    assert_int_equal(c.n, 0);
    estab_loop_want(c.loop, &c.watch, EPOLLIN);
    assert_int_equal(estab_loop_run(c.loop, &why), 0);
    assert_int_equal(c.n, 1);
    close(ends[0]);
    estab_loop_free(c.loop);
}

TEST(what_epoll_refuses_is_always_ready)
{
    struct failure why;
    struct calls c = { .loop = estab_loop_new(&why) };
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(estab_loop_watch(c.loop, &c.watch, fd, EPOLLIN, became_ready, &c, &why), 0);
    assert_int_equal(estab_loop_run(c.loop, &why), 0);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.events, EPOLLIN);
    close(fd);
    estab_loop_free(c.loop);
}

static ptrdiff_t
receive_nothing_any_more(void *ctx, struct estab_frame *frames, size_t n, estab_time now,
                         struct failure *why)
{
    (void)ctx;
    (void)frames;
    (void)n;
    (void)now;
    return estab_fail(why, "the device x has gone");
}

TEST(a_link_that_goes_ends_the_loop_with_its_reason)
{
    struct world w;
    struct packet_link bad;
    struct failure why = { "" };

    open_world(&w, 0, ESTAB_LINK_IP);
    bad = estab_memory_link(w.wire, 0);
    bad.receive = receive_nothing_any_more;
    bad.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(estab_loop_add_link(w.loop, w.host[0], 1, &bad, &why), 0);
    assert_int_equal(estab_loop_run(w.loop, &why), -1);
    assert_string_equal(why.text, "the device x has gone");
    close(bad.fd);
    close_world(&w);
}

/* --- memory --- */

TEST(the_systems_memory_is_aligned_and_writable)
{
    const struct estab_alloc a = estab_alloc_system();
    const size_t sizes[] = { 1, 100, 4096, 65535, 65536, 65537, 1 << 20 };
    const size_t aligns[] = { 1, 8, 64, 4096, 65536, 1 << 20 };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t k = 0; k < sizeof aligns / sizeof aligns[0]; k++) {
            uint8_t *p = a.get(a.ctx, sizes[i], aligns[k]);

            assert_non_null(p);
            assert_int_equal((uintptr_t)p % aligns[k], 0);
            memset(p, 1, sizes[i]);
            a.put(a.ctx, p, sizes[i]);
        }
    }
    assert_null(a.get(a.ctx, SIZE_MAX - 10, 64));
    assert_null(a.get(a.ctx, SIZE_MAX / 4 * 3, 1 << 20)); /* more than any machine has */
}

TEST(two_secrets_differ)
{
    uint8_t a[32], b[32];
    struct failure why;

    assert_int_equal(estab_random_secret(a, &why), 0);
    assert_int_equal(estab_random_secret(b, &why), 0);
    assert_memory_not_equal(a, b, 32);
}
