/* SPDX-License-Identifier: MIT */
/* A million connections in TIME-WAIT: what they cost, and what a new connection costs beside them,
 * counted in octets and in steps along the table, not in time. */
#include "base/bytes.h"
#include "harness/invariants.h"
#include "harness/test.h"
#include "stack/internal.h"
#include "wire/ip_header.h"

#include <stdlib.h>
#include <string.h>

static void *
get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return aligned_alloc(align < 64 ? 64 : align, (size + 63) / 64 * 64);
}

static void
put(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

struct world {
    struct estab_stack *stack;
    estab_conn listener;
    estab_time now;
    uint8_t out[2048];
};

/* One segment from 10.1.x.y: the connection's number gives address and port. */
static void
sends(struct world *w, uint32_t number, uint8_t ctl, uint32_t seq, uint32_t ack)
{
    static const uint8_t us[4] = { 10, 0, 0, 1 };
    const uint8_t them[4] = { 10, 0, (uint8_t)(1 + number / 60000 / 200),
                              (uint8_t)(2 + number / 60000 % 200) };
    struct tcp_seg seg = { .src_port = (uint16_t)(1024 + number % 60000),
                           .dst_port = 80,
                           .seq = seq,
                           .ack = ack,
                           .ctl = ctl,
                           .wnd = 65535 };
    uint8_t packet[60];
    struct estab_frame f = { .data = packet };
    uint32_t header = estab_tcp_write(packet + 20, &seg, 0);

    estab_ip_write(packet, 4, IP_PROTO_TCP, 64, 0, them, us, 0, header);
    f.len = 20 + header;
    estab_stack_input(w->stack, 1, &f, 1, w->now);
}

/* The sequence number of the segment it answers with. */
static uint32_t
takes(struct world *w)
{
    struct estab_frame f = { .data = w->out, .cap = sizeof(w->out) };

    assert_int_equal(estab_stack_output(w->stack, 1, &f, 1, w->now), 1);
    return get_be32(w->out + 24);
}

/* Opened by the peer, closed by us: we wait. */
static void
opens_and_closes(struct world *w, uint32_t number)
{
    uint32_t iss;
    estab_conn c;

    sends(w, number, CTL_SYN, 1000, 0);
    iss = takes(w);
    sends(w, number, CTL_ACK, 1001, iss + 1);
    assert_int_equal(estab_accept(w->stack, w->listener, &c, w->now), 0);
    assert_int_equal(estab_close(w->stack, c, w->now), 0);
    (void)takes(w);
    sends(w, number, CTL_FIN | CTL_ACK, 1001, iss + 2);
    (void)takes(w);
}

/* N13, vuln: TIME-WAIT exhaustion */
TEST(a_million_time_waits_do_not_slow_a_new_connection)
{
    const char *runner = getenv("RUNNER");
    bool emulated = runner != NULL && runner[0] != '\0';
#if defined(__SANITIZE_ADDRESS__)
    uint32_t n = emulated ? 20000 : 50000;
#else
    uint32_t n = emulated ? 20000 : 1000000;
#endif
    struct estab_config cfg;
    struct estab_link link = { .mtu = 1500, .csum_verified = true };
    struct estab_addr us = estab_addr_v4(10, 0, 0, 1);
    struct estab_endpoint at = { .port = 80 };
    struct estab_stack_status st;
    struct world w = { .now = ESTAB_SEC(1000) };
    uint32_t mean, most;

    estab_config_init(&cfg);
    memset(cfg.secret, 3, sizeof(cfg.secret));
    cfg.alloc = (struct estab_alloc){ .get = get, .put = put };
    cfg.memory_budget = (size_t)1 << 30;
    w.stack = estab_stack_new(&cfg);
    assert_non_null(w.stack);
    assert_int_equal(estab_stack_add_interface(w.stack, &link), 1);
    assert_int_equal(estab_stack_add_address(w.stack, 1, &us, 16), 0);
    assert_int_equal(estab_listen(w.stack, &at, 10, NULL, &w.listener, w.now), 0);

    for (uint32_t i = 0; i < n; i++)
        opens_and_closes(&w, i);
    estab_stack_status(w.stack, &st);
    assert_int_equal(st.time_wait, n);
    assert_int_equal(st.connections, 0);
    table_steps(w.stack, &mean, &most);
    printf(
        "%u in TIME-WAIT: %.1f octets each with table and slabs; %.2f steps to find one, %u at worst\n",
        n, (double)st.bytes_taken / n, mean / 100.0, most);
    assert_in_range(w.stack->tws[0].record_size, 1, 64);
    assert_true(st.bytes_taken <= (uint64_t)n * 128 + (2u << 20));
    assert_true(mean <= 400 && most <= 400);

    /* new ones open and close beside them, at the limit too, and the time comes for all */
    for (uint32_t i = 0; i < 1000; i++)
        opens_and_closes(&w, n + i);
    estab_stack_status(w.stack, &st);
    assert_in_range(st.time_wait, n, n + 1000);
    w.now += ESTAB_SEC(60);
    estab_stack_tick(w.stack, w.now);
    estab_stack_status(w.stack, &st);
    assert_int_equal(st.time_wait, 0);
    assert_int_equal(st.timers, 0);
    estab_stack_free(w.stack);
}
