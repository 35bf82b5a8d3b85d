/* SPDX-License-Identifier: MIT */
/* A path delivers what comes, when it is due, and accounts for every packet (sim/path.h). */
#include "harness/test.h"
#include "heap.h"
#include "sim/path.h"

#include <string.h>

static struct sim_path_config
plain(void)
{
    return (struct sim_path_config){
        .way = { { .link = { .delay = ESTAB_MS(10), .heal_at = ESTAB_NEVER } },
                 { .link = { .delay = ESTAB_MS(20), .heal_at = ESTAB_NEVER } } },
        .largest = 1500,
        .memory = 64 << 20,
        .seed = 7,
    };
}

static struct sim_path *
path(const struct sim_path_config *cfg)
{
    struct sim_path *p = sim_path_new(&heap, cfg);

    assert_non_null(p);
    return p;
}

/* An IPv4 packet of `len` octets that carries the number `id`. */
static void
send(struct sim_path *p, unsigned direction, uint32_t id, uint32_t len, estab_time now)
{
    uint8_t packet[2000];

    memset(packet, 0, sizeof packet);
    packet[0] = 0x45;
    packet[9] = 17;
    memcpy(packet + 40, &id, sizeof id);
    memcpy(packet + 44, &id, sizeof id);
    sim_path_send(p, direction, packet, len, now);
}

/* The number of the packet that is due by `now`, or -1. */
static int64_t
receive(struct sim_path *p, unsigned direction, estab_time now)
{
    uint8_t *packet;
    unsigned from;
    uint32_t id, len;

    if (!sim_path_next(p, now, &from, &packet, &len))
        return -1;
    assert_int_equal(from, direction);
    memcpy(&id, packet + 40, sizeof id);
    return id;
}

/* Takes all that is due until `until`, each at its instant; how many, in order or not. */
static unsigned
drain(struct sim_path *p, estab_time until, unsigned *out_of_order)
{
    unsigned n = 0, last = 0, direction;
    uint8_t *packet;
    uint32_t id, len;

    *out_of_order = 0;
    while (sim_path_next(p, sim_path_due(p) < until ? sim_path_due(p) : until, &direction, &packet,
                         &len)) {
        memcpy(&id, packet + 40, sizeof id);
        n++;
        if (memcmp(packet + 40, packet + 44, sizeof id) != 0) /* corrupted */
            continue;
        *out_of_order += id < last;
        last = id > last ? id : last;
    }
    return n;
}

static struct sim_path_counts
counts(const struct sim_path *p, unsigned direction)
{
    struct sim_path_counts c;

    sim_path_counts(p, direction, &c);
    assert_int_equal(c.packets + c.duplicated, c.delivered + c.lost + c.queue_full + c.no_memory +
                                                   sim_path_on_the_way(p, direction));
    return c;
}

TEST(a_packet_arrives_after_the_delay_of_its_direction_and_no_earlier)
{
    struct sim_path_config cfg = plain();
    struct sim_path *p = path(&cfg);

    assert_true(sim_path_due(p) == ESTAB_NEVER);
    send(p, 0, 1, 100, ESTAB_MS(5));
    send(p, 1, 2, 100, ESTAB_MS(5));
    assert_true(sim_path_due(p) == ESTAB_MS(15));
    assert_int_equal(receive(p, 0, ESTAB_MS(15) - 1), -1);
    assert_int_equal(receive(p, 0, ESTAB_MS(15)), 1);
    assert_true(sim_path_due(p) == ESTAB_MS(25));
    assert_int_equal(receive(p, 1, ESTAB_MS(25) - 1), -1);
    assert_int_equal(receive(p, 1, ESTAB_MS(25)), 2);
    assert_int_equal(receive(p, 1, ESTAB_SEC(9)), -1);
    assert_int_equal(counts(p, 0).delivered, 1);
    assert_int_equal(counts(p, 1).delivered_bytes, 100);
    sim_path_free(p);
}

TEST(packets_leave_a_link_with_a_rate_one_after_the_other)
{
    struct sim_path_config cfg = plain();
    struct sim_path *p;

    cfg.way[0].link.bits_per_second = 10000000; /* 1250 octets take 1 ms */
    cfg.way[0].link.queue_max = ESTAB_NEVER;
    p = path(&cfg);
    for (uint32_t i = 0; i < 100; i++)
        send(p, 0, i, 1250, 0);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(receive(p, 0, ESTAB_MS(11 + i) - 1), -1);
        assert_int_equal(receive(p, 0, ESTAB_MS(11 + i)), i);
    }
    sim_path_free(p);
}

TEST(a_queue_of_packets_takes_that_many_and_again_when_one_has_left)
{
    struct sim_path_config cfg = plain();
    struct sim_path *p;
    unsigned disorder;

    cfg.way[0].link.bits_per_second = 10000000;
    cfg.way[0].link.queue_max = ESTAB_NEVER;
    cfg.way[0].queue_packets = 10;
    p = path(&cfg);
    for (uint32_t i = 0; i < 30; i++)
        send(p, 0, i, 1250, 0);
    assert_int_equal(counts(p, 0).queue_full, 20);
    send(p, 0, 30, 1250, ESTAB_MS(1) - 1);
    assert_int_equal(counts(p, 0).queue_full, 21);
    send(p, 0, 31, 1250, ESTAB_MS(1));
    send(p, 0, 32, 1250, ESTAB_MS(1));
    assert_int_equal(counts(p, 0).queue_full, 22);
    assert_int_equal(drain(p, ESTAB_SEC(1), &disorder), 11);
    assert_int_equal(disorder, 0);
    assert_int_equal(counts(p, 0).delivered, 11);
    sim_path_free(p);
}

TEST(a_queue_of_octets_is_a_queue_of_time)
{
    struct sim_path_config cfg = plain();
    struct sim_path *p;

    cfg.way[1].link.bits_per_second = 10000000;
    cfg.way[1].link.queue_max = ESTAB_MS(4);
    p = path(&cfg);
    for (uint32_t i = 0; i < 30; i++)
        send(p, 1, i, 1250, 0);
    assert_int_equal(counts(p, 1).queue_full, 25); /* 4 ms wait behind the one on the link */
    sim_path_free(p);
}

TEST(jitter_spreads_arrivals_and_keeps_their_order)
{
    struct sim_path_config cfg = plain();
    estab_time least = ESTAB_NEVER, most = 0;
    struct sim_path *p;

    cfg.way[0].jitter = ESTAB_MS(5);
    p = path(&cfg);
    for (uint32_t i = 0; i < 1000; i++) {
        estab_time sent = ESTAB_MS(10) * i, took;

        send(p, 0, i, 100, sent);
        took = sim_path_due(p) - sent;
        least = took < least ? took : least;
        most = took > most ? took : most;
        assert_int_equal(receive(p, 0, sim_path_due(p)), i);
    }
    assert_true(least >= ESTAB_MS(10) && least < ESTAB_MS(11));
    assert_true(most <= ESTAB_MS(15) && most > ESTAB_MS(14));
    for (uint32_t i = 0; i < 1000; i++)
        send(p, 0, i, 100, ESTAB_SEC(20) + ESTAB_US(10) * i);
    assert_int_equal(drain(p, ESTAB_SEC(30), &(unsigned){ 0 }), 1000);
    sim_path_free(p);
    p = path(&cfg);
    for (uint32_t i = 0; i < 1000; i++)
        send(p, 0, i, 100, ESTAB_US(10) * i);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(receive(p, 0, ESTAB_SEC(1)), i);
    sim_path_free(p);
}

TEST(faults_come_as_often_as_set_and_every_packet_is_accounted_for)
{
    struct sim_path_config cfg = plain();
    struct sim_path_counts c;
    struct sim_path *p;
    unsigned disorder;

    cfg.memory = 256 << 20;
    cfg.way[0].link.faults = (struct sim_faults){ .loss_ppm = 50000,
                                                  .duplicate_ppm = 20000,
                                                  .corrupt_ppm = 10000,
                                                  .reorder_ppm = 30000,
                                                  .reorder_extra = ESTAB_MS(5) };
    p = path(&cfg);
    for (uint32_t i = 0; i < 100000; i++)
        send(p, 0, i, 100, ESTAB_US(100) * i);
    c = counts(p, 0);
    assert_in_range(c.lost, 4700, 5300);
    assert_in_range(c.duplicated, 1700, 2100);
    assert_in_range(c.corrupted, 850, 1100);
    assert_in_range(c.reordered, 2700, 3200);
    assert_int_equal(drain(p, ESTAB_SEC(60), &disorder), 100000 - c.lost + c.duplicated);
    assert_in_range(disorder, 2700, 4500);
    assert_int_equal(counts(p, 0).late, 0);
    sim_path_free(p);
}

/* The fates of the packets of one direction, as one number. */
static uint64_t
fates(uint64_t seed, unsigned direction, bool with_the_other)
{
    struct sim_path_config cfg = plain();
    uint8_t *packet;
    struct sim_path *p;
    uint64_t hash = 0;
    uint32_t id, len;
    unsigned from;

    cfg.seed = seed;
    for (unsigned d = 0; d < 2; d++) {
        cfg.way[d].link.faults.loss_ppm = 100000;
        cfg.way[d].jitter = ESTAB_MS(1);
    }
    p = path(&cfg);
    for (uint32_t i = 0; i < 1000; i++) {
        send(p, direction, i, 100, ESTAB_MS(1) * i);
        if (with_the_other)
            send(p, 1 - direction, i, 100, ESTAB_MS(1) * i);
    }
    while (sim_path_due(p) != ESTAB_NEVER) {
        estab_time at = sim_path_due(p);

        assert_true(sim_path_next(p, at, &from, &packet, &len));
        memcpy(&id, packet + 40, sizeof id);
        if (from == direction)
            hash = sim_mix(hash, sim_mix((uint64_t)at, id));
    }
    sim_path_free(p);
    return hash;
}

TEST(a_seed_gives_the_same_fates_whatever_the_other_direction_does)
{
    assert_true(fates(1, 0, false) == fates(1, 0, false));
    assert_true(fates(1, 0, false) == fates(1, 0, true));
    assert_true(fates(1, 1, false) == fates(1, 1, true));
    assert_true(fates(1, 0, false) != fates(2, 0, false));
    assert_true(fates(1, 0, false) != fates(1, 1, false));
}

TEST(what_does_not_fit_into_memory_is_dropped_and_counted)
{
    struct sim_path_config cfg = plain();
    struct sim_path *p;
    unsigned disorder, fit;

    cfg.memory = 1 << 20;
    p = path(&cfg);
    for (uint32_t i = 0; i < 2000; i++)
        send(p, 0, i, 1500, 0);
    fit = 2000 - (unsigned)counts(p, 0).no_memory;
    assert_in_range(fit, 500, 700);
    assert_int_equal(drain(p, ESTAB_SEC(1), &disorder), fit);
    for (uint32_t i = 0; i < fit; i++) /* the same memory again */
        send(p, 0, i, 1500, ESTAB_SEC(1));
    assert_int_equal(drain(p, ESTAB_SEC(2), &disorder), fit);
    send(p, 0, 0, 1501, ESTAB_SEC(2)); /* larger than was said */
    assert_int_equal(counts(p, 0).no_memory, 2001 - fit);
    sim_path_free(p);
}

TEST(what_is_delivered_late_is_told)
{
    struct sim_path_config cfg = plain();
    struct sim_path *p = path(&cfg);
    struct sim_path_counts c;

    send(p, 0, 1, 100, 0);
    send(p, 0, 2, 100, 0);
    assert_int_equal(receive(p, 0, ESTAB_MS(10) + ESTAB_US(200)), 1);
    assert_int_equal(receive(p, 0, ESTAB_MS(11)), 2);
    c = counts(p, 0);
    assert_int_equal(c.late, 1);
    assert_true(c.late_sum == ESTAB_US(1200) && c.late_most == ESTAB_MS(1));
    sim_path_free(p);
}
