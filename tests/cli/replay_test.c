/* SPDX-License-Identifier: MIT */
/*
 * A capture played to a host (cli/replay_play.h). What is captured happens in the simulator, at the
 * server's end of the link; the host that takes its place has another secret, so other ISNs, ports
 * and timestamps, and what arrives must fit it all the same.
 */
#include "cli/replay_play.h"
#include "drivers/alloc.h"
#include "harness/test.h"
#include "sim/apps.h"
#include "sim/packet.h"
#include "sim/swarm.h"
#include "tests/sim/heap.h"
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

/* A pcap file of raw IP with nanoseconds, in memory. */
static struct file {
    uint8_t *octets;
    size_t len, cap;
    bool only_in; /* what the server says is not captured */
    bool only_out;
} file;

static void
put(uint64_t n, unsigned octets)
{
    assert_true(file.len + octets <= file.cap);
    for (unsigned i = 0; i < octets; i++)
        file.octets[file.len++] = (uint8_t)(n >> 8 * i);
}

static void
keep(struct sim_host *host, const struct estab_frame *f, bool out)
{
    if (host->number != 1 || (out ? file.only_in : file.only_out))
        return;
    put((uint64_t)(host->world->now / ESTAB_SEC(1)), 4);
    put((uint64_t)(host->world->now % ESTAB_SEC(1)), 4);
    put(f->len, 4);
    put(f->len, 4);
    assert_true(file.len + f->len <= file.cap);
    memcpy(file.octets + file.len, f->data, f->len);
    file.len += f->len;
}

static void
see_output(void *ctx, struct sim_host *host, unsigned ifindex, const struct estab_frame *frame)
{
    (void)ctx;
    (void)ifindex;
    keep(host, frame, true);
}

static void
see_input(void *ctx, struct sim_host *host, unsigned ifindex, const struct estab_frame *frames,
          const bool *must_drop, size_t n)
{
    (void)ctx;
    (void)ifindex;
    (void)must_drop;
    for (size_t i = 0; i < n; i++)
        keep(host, &frames[i], false);
}

static void
begin_file(void)
{
    file.cap = 8u << 20;
    file.octets = malloc(file.cap);
    assert_non_null(file.octets);
    file.len = 0;
    put(0xa1b23c4d, 4);
    put(2, 2);
    put(4, 2);
    put(0, 8);
    put(65535, 4);
    put(101, 4);
}

/* Some connections, both ways opened and both ways used; one is aborted. */
static void
record(bool v6, uint32_t loss_ppm)
{
    static struct sim_world w;
    static struct sim_apps apps;
    struct sim_link_config link = { .delay = ESTAB_MS(10),
                                    .faults = { .loss_ppm = loss_ppm },
                                    .heal_at = ESTAB_NEVER };
    struct estab_config cfg;

    begin_file();
    estab_config_init(&cfg);
    assert_true(sim_world_init(&w, &heap, 5, 1500));
    assert_true(sim_apps_init(&apps, &w, 8));
    for (unsigned i = 0; i < 2; i++)
        assert_non_null(sim_world_add_host(&w, &cfg, SIM_NO_FAILURE));
    assert_true(sim_world_join(&w, w.hosts[0], w.hosts[1], &link, 1500, 1500, true, true));
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(sim_apps_listen(&apps, w.hosts[i], (uint16_t)(80 + i), 8, 0, NULL), 0);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t from = i == 2;
        struct sim_dialogue d = { .host = { from, !from }, .port = { 0, from ? 80 : 81 } };

        for (unsigned k = 0; k < 2; k++) {
            d.addr[k] = sim_world_address(&w, w.hosts[d.host[k]], w.hosts[d.host[!k]],
                                          v6 ? ESTAB_INET6 : ESTAB_INET);
            d.options[k] = cfg.tcp;
            d.part[k] = sim_part(20000 * (uint64_t)(i + 1));
        }
        d.start_at = ESTAB_MS(500) * i;
        if (i == 3) {
            d.part[0].ending = SIM_END_ABORT;
            d.part[0].abort_after = 30000;
        }
        sim_apps_add(&apps, &d);
    }
    w.observer = (struct sim_observer){ .input = see_input, .output = see_output };
    (void)sim_swarm_finish(&w, &apps, ESTAB_SEC(1000), 10000000);
    sim_apps_fini(&apps);
    sim_world_fini(&w);
}

static struct replay
played(const char *addr, bool trust)
{
    struct replay r = { .trust = trust };
    struct failure why = { "" };

    estab_config_init(&r.cfg);
    memset(r.cfg.secret, 9, sizeof r.cfg.secret);
    r.cfg.alloc = estab_alloc_system();
    if (addr != NULL) {
        assert_int_equal(estab_addr_parse(&r.addr[0], addr), 0);
        r.n_addrs = 1;
    }
    assert_int_equal(estab_replay_look(&r, file.octets, file.len, &why), 0);
    if (estab_replay_play(&r, file.octets, file.len, &why) < 0)
        fail_msg("%s", why.text);
    assert_true(r.has_status);
    return r;
}

static uint64_t
dropped(const struct replay *r)
{
    uint64_t n = 0;

    for (unsigned v = 0; v < ESTAB_VERDICT_COUNT; v++)
        if (strncmp(estab_verdict_name(v), "ACCEPTED", 8) != 0)
            n += r->status.verdicts[v];
    return n;
}

static void
end_file(void)
{
    free(file.octets);
    file = (struct file){ .octets = NULL };
}

/* Every packet that the server took, ours takes, whatever its ISNs are. */
TEST(what_was_accepted_then_is_accepted_again)
{
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct replay r;

        record(v6, 0);
        r = played(NULL, false);
        assert_int_equal(r.addr[0].bytes[v6 ? 15 : 3], 2); /* the one to which the first SYN goes */
        assert_true(r.given > 80 && r.own > 80);
        assert_int_equal(r.given + r.own, r.packets);
        /* what comes after a connection was aborted belongs to nobody, then as now */
        assert_true(dropped(&r) <= 40);
        assert_int_equal(r.status.verdicts[ESTAB_SEG_DROP_CHECKSUM], 0);
        assert_int_equal(r.status.verdicts[ESTAB_SEG_DROP_OUT_OF_WINDOW], 0);
        assert_int_equal(r.status.verdicts[ESTAB_SEG_DROP_PAWS], 0);
        assert_int_equal(r.status.verdicts[ESTAB_SEG_ACCEPTED_SYN], 3);
        assert_int_equal(r.refused, 0);
        assert_true(r.status.reasons[ESTAB_WHY_DATA] > 60);
        end_file();
    }
}

/* The same from the other end: who opened then opens now. */
TEST(the_other_ends_place_can_be_taken_too)
{
    struct replay r;

    record(false, 0);
    r = played("10.0.0.1", false);
    assert_int_equal(r.status.verdicts[ESTAB_SEG_ACCEPTED_SYN], 1);
    assert_int_equal(r.status.reasons[ESTAB_WHY_SYN], 3);
    assert_int_equal(r.status.verdicts[ESTAB_SEG_DROP_CHECKSUM], 0);
    assert_true(r.status.verdicts[ESTAB_SEG_ACCEPTED] > 60);
    end_file();
}

TEST(sacks_and_repetitions_of_a_bad_path_are_played)
{
    struct replay r;

    record(false, 30000);
    r = played("10.0.0.2", false);
    assert_true(r.status.verdicts[ESTAB_SEG_ACCEPTED_OUT_OF_ORDER] > 0);
    assert_int_equal(r.status.verdicts[ESTAB_SEG_DROP_CHECKSUM], 0);
    assert_int_equal(r.status.verdicts[ESTAB_SEG_DROP_OPTION], 0);
    end_file();
}

/* Who says nothing in the capture is imagined from the first acknowledgment. */
TEST(a_capture_of_one_direction_is_enough)
{
    struct replay r;

    file.only_in = true;
    record(false, 0);
    r = played("10.0.0.2", false);
    assert_int_equal(r.own, 0);
    assert_int_equal(r.status.verdicts[ESTAB_SEG_ACCEPTED_SYN], 3);
    assert_true(r.status.verdicts[ESTAB_SEG_ACCEPTED] > 20);
    end_file();
}

/* (MUST-3) A wrong checksum stays wrong although the acknowledgment beside it is moved; unless asked. */
TEST(a_packet_that_was_broken_is_still_broken)
{
    struct replay r;
    size_t at = 24;
    unsigned n = 0;

    record(false, 0);
    for (; n < 30; at += 16 + (file.octets[at + 8] | (size_t)file.octets[at + 9] << 8)) {
        const uint8_t *p = file.octets + at + 16;

        n += p[19] == 2; /* to the server */
        if (n == 30 && (file.octets[at + 8] | (size_t)file.octets[at + 9] << 8) > 100)
            break;
        n -= n == 30;
    }
    file.octets[at + 16 + 90] ^= 0x40;
    r = played("10.0.0.2", false);
    assert_int_equal(r.status.verdicts[ESTAB_SEG_DROP_CHECKSUM], 1);
    r = played("10.0.0.2", true);
    assert_int_equal(r.status.verdicts[ESTAB_SEG_DROP_CHECKSUM], 0);
    end_file();
}

TEST(packets_of_others_and_pieces_are_counted_and_left)
{
    struct replay r;
    uint64_t all;

    record(false, 0);
    r = played("192.0.2.99", false);
    all = r.packets;
    assert_int_equal(r.others, all);
    assert_int_equal(r.given, 0);
    /* the first packet kept to its first 30 octets: not whole */
    memmove(file.octets + 24 + 16 + 30, file.octets + 24 + 16 + file.octets[24 + 8],
            file.len - 24 - 16 - file.octets[24 + 8]);
    file.len -= file.octets[24 + 8] - 30u;
    file.octets[24 + 8] = 30;
    r = played("10.0.0.2", false);
    assert_int_equal(r.packets, all);
    assert_int_equal(r.cut_off, 1);
    end_file();
}

/* ---- what is written is what is read ---- */

static struct {
    uint8_t *octets;
    size_t len;
} written;

static int
write_octets(void *ctx, const void *p, size_t n)
{
    (void)ctx;
    written.octets = realloc(written.octets, written.len + n);
    assert_non_null(written.octets);
    memcpy(written.octets + written.len, p, n);
    written.len += n;
    return 0;
}

static void
write_record(void *ctx, const struct estab_trace *r)
{
    assert_int_equal(estab_view_pcapng_record(ctx, r), 0);
}

/* A capture of the replay is a capture: played once more it is taken as well. */
TEST(our_own_captures_can_be_replayed)
{
    struct replay r = { .n_addrs = 0 };
    struct view_pcapng *v = estab_view_pcapng_new(
        &(struct view_pcapng_options){ .origin = INT64_C(1700000000) * 1000000000 }, write_octets,
        NULL);
    struct failure why = { "" };

    record(false, 0);
    estab_config_init(&r.cfg);
    memset(r.cfg.secret, 9, sizeof r.cfg.secret);
    r.cfg.alloc = estab_alloc_system();
    r.cfg.trace = write_record;
    r.cfg.trace_ctx = v;
    assert_int_equal(estab_replay_look(&r, file.octets, file.len, &why), 0);
    assert_int_equal(estab_replay_play(&r, file.octets, file.len, &why), 0);
    assert_int_equal(estab_view_pcapng_finish(v), 0);
    estab_view_pcapng_free(v);
    end_file();

    file.octets = written.octets;
    file.len = written.len;
    {
        struct replay again = played(NULL, false);

        assert_int_equal(again.packets, r.given + r.status.packets_out);
        assert_int_equal(again.given, r.given);
        assert_int_equal(again.status.verdicts[ESTAB_SEG_DROP_CHECKSUM], 0);
        assert_int_equal(again.status.verdicts[ESTAB_SEG_ACCEPTED_SYN],
                         r.status.verdicts[ESTAB_SEG_ACCEPTED_SYN]);
        assert_true(again.status.verdicts[ESTAB_SEG_ACCEPTED] + 10 >=
                    r.status.verdicts[ESTAB_SEG_ACCEPTED]);
    }
    end_file();
    written.octets = NULL;
    written.len = 0;
}

TEST(the_same_file_gives_the_same_run)
{
    struct replay a, b;

    record(false, 30000);
    a = played("10.0.0.2", false);
    b = played("10.0.0.2", false);
    assert_memory_equal(a.status.verdicts, b.status.verdicts, sizeof a.status.verdicts);
    assert_memory_equal(a.status.reasons, b.status.reasons, sizeof a.status.reasons);
    end_file();
}
