/* SPDX-License-Identifier: MIT */
/* Whole hosts on an Ethernet that loses and repeats any frame, ARP and discovery as well as TCP. */
#include "segment.h"

enum { STREAM = 40000 };

static void
autoconf(struct estab_config *cfg, struct estab_link *link)
{
    cfg->max_neighbours = 2; /* of three others: places change hands all the time */
    cfg->max_unresolved_neighbours = 2;
    link->autoconf = true;
}

struct flow {
    unsigned from;
    estab_conn c, s;
    size_t sent, got;
    bool closed;
};

static uint8_t
content(unsigned flow, size_t at)
{
    return (uint8_t)(at * 7 + at / 253 + flow);
}

static void
send_some(struct segment *g, struct flow *f, unsigned number)
{
    uint8_t text[4000];
    struct estab_status st;

    while (f->sent < STREAM) {
        size_t n = STREAM - f->sent < sizeof(text) ? STREAM - f->sent : sizeof(text);
        ptrdiff_t took;

        for (size_t i = 0; i < n; i++)
            text[i] = content(number, f->sent + i);
        took = estab_send(g->host[f->from], f->c, text, n, g->now);
        if (took <= 0)
            return;
        f->sent += (size_t)took;
    }
    /* RFC 9293 §3.10.4: CLOSE before the handshake would only delete it */
    assert_int_equal(estab_status(g->host[f->from], f->c, &st), 0);
    if (!f->closed && st.state == ESTAB_TCPS_ESTABLISHED)
        f->closed = estab_shutdown(g->host[f->from], f->c, g->now) == 0;
}

/* True at the end of the stream. */
static bool
receive_some(struct segment *g, struct flow *f, unsigned number, unsigned to)
{
    uint8_t text[4000];
    ptrdiff_t n;

    while ((n = estab_receive(g->host[to], f->s, text, sizeof(text), g->now)) > 0)
        for (ptrdiff_t i = 0; i < n; i++)
            assert_int_equal(text[i], content(number, f->got++));
    return n == 0;
}

static void
give_addresses(struct segment *g, unsigned h, bool v6)
{
    struct estab_addr a = v6 ? addr_of("2001:db8::10") : addr_of("10.0.0.16");

    a.bytes[v6 ? 15 : 3] = (uint8_t)(16 + h);
    assert_int_equal(estab_stack_assign_address(g->host[h], 1, &a, v6 ? 64 : 24, g->now), 0);
}

/* Hosts 1 to 3 send to host 0. */
static void
play(bool v6, uint64_t seed)
{
    struct segment g;
    struct estab_endpoint at = { .port = 80 },
                          to = { v6 ? addr_of("2001:db8::10") : addr_of("10.0.0.16"), 80 };
    struct flow flow[HOSTS] = { { 0 } };
    unsigned ended = 0;
    estab_conn l;

    seg_init(&g);
    sim_prng_seed(&g.dice, seed);
    for (unsigned h = 0; h < HOSTS; h++)
        give_addresses(&g, seg_host(&g, autoconf), v6);
    seg_run(&g, ESTAB_SEC(12));
    g.loss = (uint32_t)sim_prng_between(&g.dice, 1000, 200000);
    assert_int_equal(estab_listen(g.host[0], &at, 8, NULL, &l, g.now), 0);
    for (unsigned h = 1; h < HOSTS; h++) {
        flow[h].from = h;
        assert_int_equal(estab_connect(g.host[h], NULL, &to, NULL, &flow[h].c, g.now), 0);
    }
    for (unsigned i = 0; i < 20000 && ended != 0xe; i++) {
        estab_conn c;
        struct estab_status st;

        seg_forget(&g);
        seg_run(&g, ESTAB_MS(50));
        while (estab_accept(g.host[0], l, &c, g.now) == 0) {
            assert_int_equal(estab_status(g.host[0], c, &st), 0);
            flow[st.remote.addr.bytes[v6 ? 15 : 3] - 16].s = c;
        }
        for (unsigned h = 1; h < HOSTS; h++) {
            send_some(&g, &flow[h], h);
            if (flow[h].s != 0 && receive_some(&g, &flow[h], h, 0))
                ended |= 1u << h;
        }
        for (unsigned h = 0; h < HOSTS; h++)
            assert_true(seg_status(&g, h).neighbours <= 4);
    }
    for (unsigned h = 1; h < HOSTS; h++)
        if (flow[h].got != STREAM)
            fail_msg("seed %u: stream %u has %u octets", (unsigned)seed, h, (unsigned)flow[h].got);
    assert_int_equal(ended, 0xe);
    seg_end(&g);
}

TEST(streams_over_ipv4_are_whole_whatever_frames_are_lost_or_repeated)
{
    for (uint64_t seed = 1; seed <= 25; seed++)
        play(false, seed);
}

TEST(streams_over_ipv6_are_whole_whatever_frames_are_lost_or_repeated)
{
    for (uint64_t seed = 1; seed <= 25; seed++)
        play(true, seed);
}
