/* SPDX-License-Identifier: MIT */
/* Links do what their configuration says, and the simulator's own eyes see it. */
#include "harness/test.h"
#include "sim/link.h"
#include "sim/packet.h"

#include <string.h>

#define PACKETS 20000

/* An IPv4 or IPv6 packet with a TCP segment of `text` octets. */
static uint32_t
make_packet(uint8_t *p, unsigned version, uint8_t ctl, uint32_t text)
{
    uint32_t header = version == 4 ? 20 : 40, len = header + 20 + text;

    memset(p, 0, len);
    p[0] = (uint8_t)(version << 4 | (version == 4 ? 5 : 0));
    if (version == 4) {
        p[2] = (uint8_t)(len >> 8);
        p[3] = (uint8_t)len;
        p[8] = 64;
        p[9] = 6;
        p[12] = p[16] = 10;
        p[15] = 1;
        p[19] = 2;
    } else {
        p[4] = (uint8_t)((20 + text) >> 8);
        p[5] = (uint8_t)(20 + text);
        p[6] = 6;
        p[7] = 64;
        p[8] = p[24] = 0x20;
        p[23] = 1;
        p[39] = 2;
    }
    p[header + 1] = 7;
    p[header + 3] = 9;
    p[header + 12] = 0x50;
    p[header + 13] = ctl;
    for (uint32_t i = 0; i < text; i++)
        p[header + 20 + i] = (uint8_t)(i * 7);
    sim_packet_seal(p, len);
    return len;
}

static struct sim_link
make_link(const struct sim_link_config *cfg)
{
    struct sim_link l;

    sim_link_init(&l, cfg, 42);
    return l;
}

/* Carries PACKETS packets, one each millisecond; how many copies arrive. */
static unsigned
carry_many(struct sim_link *l)
{
    uint8_t packet[200];
    uint32_t len = make_packet(packet, 4, ESTAB_CTL_ACK, 100);
    struct sim_copy copies[SIM_COPIES_MAX];
    enum sim_notice notice;
    unsigned n = 0;

    for (unsigned i = 0; i < PACKETS; i++)
        n += sim_link_carry(l, 0, packet, len, ESTAB_MS(i), copies, &notice);
    return n;
}

TEST(healthy_link_delivers_everything_after_its_delay)
{
    struct sim_link_config cfg = { .delay = ESTAB_MS(20), .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    uint8_t packet[200];
    uint32_t len = make_packet(packet, 4, ESTAB_CTL_ACK, 100);
    struct sim_copy copies[SIM_COPIES_MAX];
    enum sim_notice notice;

    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(sim_link_carry(&l, i % 2, packet, len, ESTAB_MS(i), copies, &notice), 1);
        assert_true(copies[0].at == ESTAB_MS(i + 20) && !copies[0].corrupt);
        assert_int_equal(notice, SIM_NOTICE_NONE);
    }
    assert_int_equal(l.counts[0].packets + l.counts[1].packets, 100);
}

TEST(loss_is_about_as_often_as_asked)
{
    struct sim_link_config cfg = { .faults.loss_ppm = 100000, .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    unsigned n = carry_many(&l);

    assert_in_range(n, PACKETS * 88 / 100, PACKETS * 92 / 100);
    assert_int_equal(l.counts[0].lost, PACKETS - n);
}

TEST(duplication_is_about_as_often_as_asked)
{
    struct sim_link_config cfg = { .faults.duplicate_ppm = 100000, .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    unsigned n = carry_many(&l);

    assert_in_range(n, PACKETS * 108 / 100, PACKETS * 112 / 100);
    assert_int_equal(l.counts[0].duplicated, n - PACKETS);
}

TEST(reordering_delays_some_packets_by_up_to_the_extra)
{
    struct sim_link_config cfg = { .delay = ESTAB_MS(5),
                                   .faults = { .reorder_ppm = 300000,
                                               .reorder_extra = ESTAB_MS(10) },
                                   .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    uint8_t packet[200];
    uint32_t len = make_packet(packet, 4, ESTAB_CTL_ACK, 100);
    struct sim_copy copies[SIM_COPIES_MAX];
    enum sim_notice notice;
    estab_time last = 0;
    unsigned late = 0, overtaken = 0;

    for (unsigned i = 0; i < PACKETS; i++) {
        assert_int_equal(sim_link_carry(&l, 0, packet, len, ESTAB_MS(i), copies, &notice), 1);
        assert_true(copies[0].at >= ESTAB_MS(i + 5) && copies[0].at <= ESTAB_MS(i + 15));
        late += copies[0].at > ESTAB_MS(i + 5);
        overtaken += copies[0].at < last;
        last = copies[0].at;
    }
    assert_in_range(late, PACKETS * 28 / 100, PACKETS * 32 / 100);
    assert_true(overtaken > PACKETS / 20);
    assert_int_equal(l.counts[0].reordered, late);
}

/* Every corrupt copy that must be dropped has a wrong checksum, and the others a right one. */
static void
corrupt_many(unsigned version)
{
    struct sim_link_config cfg = { .faults.corrupt_ppm = SIM_PPM, .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    uint8_t packet[200], copy[200];
    uint32_t len = make_packet(packet, version, ESTAB_CTL_ACK, 101);
    struct sim_copy copies[SIM_COPIES_MAX];
    enum sim_notice notice;

    for (unsigned i = 0; i < PACKETS; i++) {
        struct sim_packet p;

        assert_int_equal(sim_link_carry(&l, 0, packet, len, 0, copies, &notice), 1);
        assert_true(copies[0].corrupt);
        memcpy(copy, packet, len);
        sim_copy_flip(&copies[0], copy);
        assert_memory_not_equal(copy, packet, len);
        sim_packet_read(&p, copy, len);
        assert_true((p.is_ip && p.sums_valid) == !copies[0].must_drop);
    }
}

TEST(corruption_is_seen_by_an_ipv4_checksum)
{
    corrupt_many(4);
}

TEST(corruption_is_seen_by_an_ipv6_checksum)
{
    corrupt_many(6);
}

TEST(rate_spaces_packets_and_a_full_queue_drops)
{
    /* 160 octets at 1.28 Mbit/s: 1 ms each. */
    struct sim_link_config cfg = { .delay = ESTAB_MS(3),
                                   .bits_per_second = 1280000,
                                   .queue_max = ESTAB_MS(4),
                                   .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    uint8_t packet[200];
    uint32_t len = make_packet(packet, 4, ESTAB_CTL_ACK, 120);
    struct sim_copy copies[SIM_COPIES_MAX];
    enum sim_notice notice;

    assert_int_equal(len, 160);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(sim_link_carry(&l, 0, packet, len, 0, copies, &notice), 1);
        assert_true(copies[0].at == ESTAB_MS(3 + 1 + i));
    }
    assert_int_equal(sim_link_carry(&l, 0, packet, len, 0, copies, &notice), 0);
    assert_int_equal(l.counts[0].queue_full, 1);
    assert_int_equal(sim_link_carry(&l, 1, packet, len, 0, copies, &notice), 1); /* other way */
    assert_int_equal(sim_link_carry(&l, 0, packet, len, ESTAB_MS(1), copies, &notice), 1);
}

TEST(coalescing_makes_packets_arrive_together)
{
    struct sim_link_config cfg = { .coalesce = ESTAB_MS(10), .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    uint8_t packet[200];
    uint32_t len = make_packet(packet, 4, ESTAB_CTL_ACK, 0);
    struct sim_copy copies[SIM_COPIES_MAX];
    enum sim_notice notice;

    for (unsigned i = 1; i <= 10; i++) {
        assert_int_equal(sim_link_carry(&l, 0, packet, len, ESTAB_MS(i), copies, &notice), 1);
        assert_true(copies[0].at == ESTAB_MS(10));
    }
}

TEST(down_link_loses_everything_until_it_is_up)
{
    struct sim_link_config cfg = { .down_at = ESTAB_SEC(1),
                                   .up_at = ESTAB_SEC(2),
                                   .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);

    assert_int_equal(carry_many(&l), PACKETS - 1000);
}

TEST(healed_link_has_no_faults)
{
    struct sim_link_config cfg = { .faults = { .loss_ppm = SIM_PPM }, .heal_at = ESTAB_SEC(5) };
    struct sim_link l = make_link(&cfg);

    assert_int_equal(carry_many(&l), PACKETS - 5000);
}

TEST(same_seed_gives_the_same_faults)
{
    struct sim_link_config cfg = { .faults = { .loss_ppm = 200000,
                                               .duplicate_ppm = 200000,
                                               .corrupt_ppm = 200000,
                                               .reorder_ppm = 200000,
                                               .reorder_extra = ESTAB_MS(50) },
                                   .heal_at = ESTAB_NEVER };
    struct sim_link a = make_link(&cfg), b = make_link(&cfg);
    uint8_t packet[200];
    uint32_t len = make_packet(packet, 4, ESTAB_CTL_ACK, 100);

    for (unsigned i = 0; i < PACKETS; i++) {
        struct sim_copy x[SIM_COPIES_MAX], y[SIM_COPIES_MAX];
        enum sim_notice notice;
        unsigned n = sim_link_carry(&a, 0, packet, len, ESTAB_MS(i), x, &notice);

        assert_int_equal(n, sim_link_carry(&b, 0, packet, len, ESTAB_MS(i), y, &notice));
        for (unsigned k = 0; k < n; k++)
            assert_true(
                x[k].at == y[k].at && x[k].corrupt == y[k].corrupt &&
                (!x[k].corrupt || (x[k].flip == y[k].flip && x[k].flip_at == y[k].flip_at)));
    }
}

TEST(hold_keeps_back_the_very_packet_it_names)
{
    struct sim_link_config cfg = {
        .heal_at = ESTAB_NEVER,
        .n_holds = 3,
        .holds = { { .ctl = ESTAB_CTL_SYN,
                     .ctl_mask = ESTAB_CTL_SYN | ESTAB_CTL_ACK,
                     .nth = 1,
                     .action = SIM_HOLD_DELAY,
                     .release_after = ESTAB_SEC(7) },
                   { .ctl = ESTAB_CTL_FIN,
                     .ctl_mask = ESTAB_CTL_FIN,
                     .direction = 1,
                     .action = SIM_HOLD_DROP },
                   { .ctl = ESTAB_CTL_ACK,
                     .ctl_mask = ESTAB_CTL_ACK | ESTAB_CTL_SYN,
                     .with_text = true,
                     .action = SIM_HOLD_DUPLICATE,
                     .release_after = ESTAB_SEC(9) } },
    };
    struct sim_link l = make_link(&cfg);
    uint8_t syn[100], syn_ack[100], fin[100], ack[100], data[100];
    struct sim_copy c[SIM_COPIES_MAX];
    enum sim_notice n;
    uint32_t header = make_packet(syn, 4, ESTAB_CTL_SYN, 0);

    make_packet(syn_ack, 4, ESTAB_CTL_SYN | ESTAB_CTL_ACK, 0);
    make_packet(fin, 6, ESTAB_CTL_FIN | ESTAB_CTL_ACK, 0);
    make_packet(ack, 4, ESTAB_CTL_ACK, 0);
    make_packet(data, 4, ESTAB_CTL_ACK, 10);

    assert_int_equal(sim_link_carry(&l, 0, syn, header, 0, c, &n), 1);
    assert_true(c[0].at == 0); /* the first SYN passes */
    assert_int_equal(sim_link_carry(&l, 0, syn_ack, header, 0, c, &n), 1);
    assert_true(c[0].at == 0); /* another packet */
    assert_int_equal(sim_link_carry(&l, 0, syn, header, 0, c, &n), 1);
    assert_true(c[0].at == ESTAB_SEC(7)); /* the second is held */
    assert_int_equal(sim_link_carry(&l, 0, syn, header, 0, c, &n), 1);
    assert_true(c[0].at == 0); /* the third passes */

    assert_int_equal(sim_link_carry(&l, 0, fin, 60, 0, c, &n), 1); /* the other direction */
    assert_int_equal(sim_link_carry(&l, 1, fin, 60, 0, c, &n), 0); /* dropped */
    assert_int_equal(sim_link_carry(&l, 1, fin, 60, 0, c, &n), 1);

    assert_int_equal(sim_link_carry(&l, 0, ack, header, 0, c, &n), 1); /* no text */
    assert_int_equal(sim_link_carry(&l, 0, data, header + 10, 0, c, &n), 2);
    assert_true(c[0].at == 0 && c[1].at == ESTAB_SEC(9));
    assert_int_equal(l.counts[0].held, 2);
    assert_int_equal(l.counts[1].held, 1);
}

/* How many copies of a segment arrive, sent at `now` from end 0. */
static unsigned
carry_one(struct sim_link *l, uint8_t ctl, uint32_t text, estab_time now,
          struct sim_copy copies[SIM_COPIES_MAX])
{
    uint8_t packet[200];
    uint32_t len = make_packet(packet, 4, ctl, text);
    enum sim_notice notice;

    return sim_link_carry(l, 0, packet, len, now, copies, &notice);
}

TEST(hold_of_every_acknowledgment_spares_data_until_the_link_is_mended)
{
    const struct sim_link_config cfg = { .delay = ESTAB_MS(10) };
    const struct sim_hold acks = { .ctl = ESTAB_CTL_ACK,
                                   .ctl_mask = ESTAB_CTL_ACK | ESTAB_CTL_FIN,
                                   .without_text = true,
                                   .every = true,
                                   .nth = 1,
                                   .action = SIM_HOLD_DROP };
    struct sim_copy copies[SIM_COPIES_MAX];
    struct sim_link l = make_link(&cfg);

    assert_true(sim_link_hold(&l, &acks));
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 0, 0, copies), 1); /* the first is spared */
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 0, 0, copies), 0);
        assert_int_equal(sim_link_fate(&l, copies, 0), SIM_FATE_LOST);
        assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 9, 0, copies), 1);
        assert_int_equal(carry_one(&l, ESTAB_CTL_ACK | ESTAB_CTL_FIN, 0, 0, copies), 1);
        assert_int_equal(sim_link_fate(&l, copies, 1), SIM_FATE_ARRIVES);
    }
    sim_link_mend(&l, ESTAB_SEC(1));
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 0, ESTAB_SEC(1), copies), 1);
}

TEST(hold_until_an_instant_never_makes_a_packet_early)
{
    const struct sim_link_config cfg = { .delay = ESTAB_MS(10) };
    const struct sim_hold until = { .every = true,
                                    .action = SIM_HOLD_DELAY,
                                    .release_at = ESTAB_SEC(5) };
    struct sim_copy copies[SIM_COPIES_MAX];
    struct sim_link l = make_link(&cfg);

    assert_true(sim_link_hold(&l, &until));
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 0, ESTAB_SEC(1), copies), 1);
    assert_int_equal(sim_link_fate(&l, copies, 1), SIM_FATE_HELD);
    assert_true(copies[0].at == ESTAB_SEC(5));
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 0, ESTAB_SEC(6), copies), 1);
    assert_true(copies[0].at == ESTAB_SEC(6) + ESTAB_MS(10));
}

TEST(hold_that_has_happened_leaves_its_place_to_another)
{
    const struct sim_link_config cfg = { .delay = ESTAB_MS(10) };
    const struct sim_hold next = { .action = SIM_HOLD_DUPLICATE, .release_after = ESTAB_SEC(3) };
    struct sim_copy copies[SIM_COPIES_MAX];
    struct sim_link l = make_link(&cfg);

    for (unsigned i = 0; i < 2 * SIM_HOLDS_MAX; i++) {
        assert_true(sim_link_hold(&l, &next));
        assert_int_equal(carry_one(&l, ESTAB_CTL_SYN, 0, 0, copies), 2);
        assert_int_equal(sim_link_fate(&l, copies, 2), SIM_FATE_DUPLICATED);
        assert_true(copies[1].at == ESTAB_MS(10) + ESTAB_SEC(3));
        assert_int_equal(carry_one(&l, ESTAB_CTL_SYN, 0, 0, copies), 1);
    }
    for (unsigned i = 0; i < SIM_HOLDS_MAX; i++)
        assert_true(sim_link_hold(&l, &next));
    assert_false(sim_link_hold(&l, &next));
}

TEST(cut_link_loses_everything_until_it_is_mended)
{
    const struct sim_link_config cfg = { .delay = ESTAB_MS(10) };
    struct sim_copy copies[SIM_COPIES_MAX];
    struct sim_link l = make_link(&cfg);

    sim_link_cut(&l, ESTAB_SEC(1));
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 0, ESTAB_SEC(1), copies), 0);
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 0, ESTAB_SEC(9000), copies), 0);
    sim_link_mend(&l, ESTAB_SEC(9001));
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 0, ESTAB_SEC(9001), copies), 1);
}

/* RFC 1191 §4, RFC 4443 §3.2: the router quotes the packet and tells the next hop's MTU. */
TEST(narrow_path_answers_too_big)
{
    struct sim_link_config cfg = { .path_mtu = 1280, .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    uint8_t packet[1500], icmp[SIM_ICMP_ROOM];
    struct sim_copy c[SIM_COPIES_MAX];
    enum sim_notice notice;

    for (unsigned version = 4; version <= 6; version += 2) {
        uint32_t header = version == 4 ? 20 : 40;
        uint32_t len = make_packet(packet, version, ESTAB_CTL_ACK, 1440 - header), n;
        struct sim_packet p;

        assert_int_equal(sim_link_carry(&l, 0, packet, len, 0, c, &notice), 0);
        assert_int_equal(notice, SIM_NOTICE_TOO_BIG);
        n = sim_icmp_error(icmp, SIM_ICMP_TOO_BIG, 1280, packet, len);
        sim_packet_read(&p, icmp, n);
        assert_true(p.is_ip && p.is_icmp && p.sums_valid && p.ip_len == n);
        assert_int_equal(icmp[header], version == 4 ? 3 : 2);
        assert_int_equal(icmp[header + 6] << 8 | icmp[header + 7], 1280);
        assert_memory_equal(icmp + header + 8, packet, header + 8);
        /* No error about an error. */
        assert_int_equal(sim_icmp_error(packet, SIM_ICMP_TOO_BIG, 1280, icmp, n), 0);
        len = make_packet(packet, version, ESTAB_CTL_ACK, 1280 - header - 20);
        assert_int_equal(sim_link_carry(&l, 0, packet, len, 0, c, &notice), 1);
    }
}

TEST(packets_cut_anywhere_are_not_read_as_whole)
{
    uint8_t packet[200];
    struct sim_packet p;

    for (unsigned version = 4; version <= 6; version += 2) {
        uint32_t len = make_packet(packet, version, ESTAB_CTL_ACK, 33);

        sim_packet_read(&p, packet, len);
        assert_true(p.is_tcp && p.sums_valid && p.seg.len == 33);
        assert_int_equal(p.src.port, 7);
        assert_int_equal(p.dst.port, 9);
        for (uint32_t cut = 0; cut < len; cut++) {
            sim_packet_read(&p, packet, cut);
            assert_false(p.is_ip || p.is_tcp);
        }
    }
}

/* Carries a packet of 160 octets with these control bits at `now`. */
static unsigned
carry_160(struct sim_link *l, unsigned direction, estab_time now, struct sim_copy *c)
{
    uint8_t packet[200];
    uint32_t len = make_packet(packet, 4, ESTAB_CTL_ACK, 120);
    enum sim_notice notice;

    return sim_link_carry(l, direction, packet, len, now, c, &notice);
}

TEST(queue_in_octets_drops_the_tail_and_takes_again_what_has_room)
{
    /* 160 octets at 1.28 Mbit/s: 1 ms each; three of them wait, the one on the wire included. */
    struct sim_link_config cfg = { .bits_per_second = 1280000,
                                   .queue_bytes = 480,
                                   .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    struct sim_copy c[SIM_COPIES_MAX];

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(carry_160(&l, 0, 0, c), 1);
    assert_int_equal(carry_160(&l, 0, 0, c), 0);
    assert_int_equal(l.counts[0].queue_full, 1);
    assert_int_equal(carry_160(&l, 0, ESTAB_US(900), c), 0);
    assert_int_equal(carry_160(&l, 1, 0, c), 1); /* the other way has its own */
    assert_int_equal(carry_160(&l, 0, ESTAB_MS(1), c), 1);
    assert_true(c[0].at == ESTAB_MS(4));
    /* What finds the link idle goes, however small the queue. */
    l.cfg.queue_bytes = 1;
    assert_int_equal(carry_160(&l, 0, ESTAB_SEC(1), c), 1);
    assert_int_equal(carry_160(&l, 0, ESTAB_SEC(1), c), 0);
}

TEST(jitter_varies_the_delay_and_keeps_the_order)
{
    struct sim_link_config cfg = { .delay = ESTAB_MS(10),
                                   .jitter = ESTAB_MS(5),
                                   .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    struct sim_copy c[SIM_COPIES_MAX];
    estab_time last = 0, least = ESTAB_NEVER, most = 0;

    for (unsigned i = 0; i < PACKETS; i++) {
        estab_time sent = ESTAB_US(700) * i, took;

        assert_int_equal(carry_160(&l, 0, sent, c), 1);
        took = c[0].at - sent;
        assert_true(c[0].at >= last);
        last = c[0].at;
        least = took < least ? took : least;
        most = took > most ? took : most;
    }
    assert_true(least >= ESTAB_MS(10) && least < ESTAB_MS(11));
    assert_true(most > ESTAB_MS(14) && most <= ESTAB_MS(15));
}

/* RFC 8289 §3.3: interval / sqrt(count), rounded down, without floating point. */
TEST(codels_control_law_is_the_interval_through_the_root)
{
    static const struct {
        uint32_t count;
        estab_time after;
    } rows[] = { { 1, 100000000 }, { 2, 70710678 },   { 3, 57735026 },   { 4, 50000000 },
                 { 9, 33333333 },  { 100, 10000000 }, { 10000, 1000000 } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        estab_time t = sim_codel_control_law(ESTAB_SEC(7), ESTAB_MS(100), rows[i].count);

        assert_in_range(t - ESTAB_SEC(7), rows[i].after - rows[i].after / 50000 - 1,
                        rows[i].after + rows[i].after / 50000 + 1);
    }
}

static struct sim_link
make_codel(void)
{
    /* 160 octets at 12.8 Mbit/s: 0.1 ms each; 1500: 0.94 ms. */
    struct sim_link_config cfg = { .bits_per_second = 12800000,
                                   .queue_bytes = 1u << 20,
                                   .codel = { SIM_CODEL_TARGET, SIM_CODEL_INTERVAL },
                                   .heal_at = ESTAB_NEVER };

    return make_link(&cfg);
}

/* RFC 8289 §5.5: a standing queue is let be for one interval, then thinned faster and faster. */
TEST(codel_drops_from_a_queue_that_stands_longer_than_an_interval)
{
    struct sim_link l = make_codel();
    struct sim_copy c[SIM_COPIES_MAX];
    estab_time at = 0, dropped[64];
    unsigned n = 0;

    /* 100 wait from the start, that is 10 ms; then as many come as leave. */
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(carry_160(&l, 0, 0, c), 1);
    for (unsigned i = 0; i < 5000; i++) {
        estab_time leaves = l.busy_until[0];

        if (carry_160(&l, 0, at, c) == 0 && n < 64) {
            dropped[n++] = leaves;
            (void)carry_160(&l, 0, at, c); /* the queue stands as it stood */
        }
        at += ESTAB_US(100);
    }
    assert_int_equal(n, 8); /* 105 ms, then 100 ms / sqrt(1 .. 7) each after the one before */
    assert_in_range(dropped[0], ESTAB_MS(104), ESTAB_MS(107)); /* above the target since 5 ms */
    assert_in_range(dropped[1] - dropped[0], ESTAB_MS(99), ESTAB_MS(101));
    assert_in_range(dropped[2] - dropped[1], ESTAB_MS(70), ESTAB_MS(72));
    assert_in_range(dropped[3] - dropped[2], ESTAB_MS(57), ESTAB_MS(59));
    assert_int_equal(l.counts[0].queue_full, 0);
    assert_true(l.counts[0].codel_dropped >= n);
}

TEST(codel_lets_a_burst_pass_and_a_queue_below_its_target)
{
    struct sim_link l = make_codel();
    struct sim_copy c[SIM_COPIES_MAX];

    /* Every 200 ms a burst that waits up to 80 ms, ten times the rest below the target. */
    for (unsigned k = 0; k < 10; k++)
        for (unsigned i = 0; i < 800; i++)
            assert_int_equal(carry_160(&l, 0, ESTAB_MS(200) * k, c), 1);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(carry_160(&l, 0, ESTAB_SEC(3), c), 1);
    for (unsigned i = 0; i < PACKETS; i++)
        assert_int_equal(carry_160(&l, 0, ESTAB_SEC(3) + ESTAB_US(100) * i, c), 1);
    assert_int_equal(l.counts[0].codel_dropped, 0);
}

/* Two states that keep for 10 and 100 packets in the mean: a loss of 1/11, in rows of ten. */
TEST(bursts_lose_in_rows)
{
    struct sim_link_config cfg = { .bursts = { .to_bad_ppm = 10000,
                                               .to_good_ppm = 100000,
                                               .good_loss_ppm = 0,
                                               .bad_loss_ppm = SIM_PPM },
                                   .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    struct sim_copy c[SIM_COPIES_MAX];
    unsigned lost = 0, rows = 0, before = 1;

    for (unsigned i = 0; i < 5 * PACKETS; i++) {
        unsigned n = carry_160(&l, 0, ESTAB_MS(i), c);

        lost += n == 0;
        rows += n == 0 && before != 0;
        before = n;
    }
    assert_in_range(lost, 5 * PACKETS * 80 / 1000, 5 * PACKETS * 102 / 1000);
    assert_in_range(lost / rows, 9, 11);
    assert_int_equal(l.counts[0].lost, lost);
    /* In the good state so often as its own number says. */
    cfg.bursts = (struct sim_bursts){ .good_loss_ppm = 50000, .bad_loss_ppm = SIM_PPM };
    l = make_link(&cfg);
    assert_in_range(carry_many(&l), PACKETS * 94 / 100, PACKETS * 96 / 100);
    /* And not at all without one. */
    cfg.bursts = (struct sim_bursts){ .bad_loss_ppm = SIM_PPM };
    l = make_link(&cfg);
    assert_int_equal(carry_many(&l), PACKETS);
}

TEST(loss_of_acknowledgments_spares_text_and_control)
{
    struct sim_link_config cfg = { .faults = { .ack_loss_ppm = SIM_PPM }, .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    struct sim_copy c[SIM_COPIES_MAX];

    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 0, 0, c), 0);
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK | ESTAB_CTL_ECE, 0, 0, c), 0);
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK, 1, 0, c), 1);
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK | ESTAB_CTL_SYN, 0, 0, c), 1);
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK | ESTAB_CTL_FIN, 0, 0, c), 1);
    assert_int_equal(carry_one(&l, ESTAB_CTL_ACK | ESTAB_CTL_RST, 0, 0, c), 1);
    assert_int_equal(carry_one(&l, ESTAB_CTL_SYN, 0, 0, c), 1);
    assert_int_equal(l.counts[0].lost, 2);
}

TEST(a_path_shut_in_pulses_loses_all_at_the_end_of_each_period)
{
    struct sim_link_config cfg = {
        .faults = { .shut_every = ESTAB_MS(100), .shut_for = ESTAB_MS(25), .only = 1 + 0 },
        .heal_at = ESTAB_NEVER
    };
    struct sim_link l = make_link(&cfg);
    struct sim_copy c[SIM_COPIES_MAX];

    assert_int_equal(carry_many(&l), PACKETS * 75 / 100);
    assert_int_equal(carry_160(&l, 0, ESTAB_MS(1074), c), 1);
    assert_int_equal(carry_160(&l, 0, ESTAB_MS(1075), c), 0);
    assert_int_equal(carry_160(&l, 0, ESTAB_MS(1099), c), 0);
    assert_int_equal(carry_160(&l, 0, ESTAB_MS(1100), c), 1);
    assert_int_equal(carry_160(&l, 1, ESTAB_MS(1099), c), 1);
}

TEST(faults_and_coalescing_of_one_direction_leave_the_other_alone)
{
    struct sim_link_config cfg = { .faults = { .loss_ppm = SIM_PPM, .only = 1 + 1 },
                                   .coalesce = ESTAB_MS(10),
                                   .coalesce_only = 1 + 0,
                                   .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    struct sim_copy c[SIM_COPIES_MAX];

    assert_int_equal(carry_160(&l, 0, ESTAB_MS(3), c), 1);
    assert_true(c[0].at == ESTAB_MS(10));
    assert_int_equal(carry_160(&l, 1, ESTAB_MS(3), c), 0);
    l.cfg.faults.only = 0;
    assert_int_equal(carry_160(&l, 0, ESTAB_MS(3), c), 0);
    l.cfg.faults.loss_ppm = 0;
    assert_int_equal(carry_160(&l, 1, ESTAB_MS(3), c), 1);
    assert_true(c[0].at == ESTAB_MS(3));
}

TEST(another_route_takes_its_own_time_from_its_instant_on)
{
    struct sim_link_config cfg = { .delay = ESTAB_MS(50),
                                   .route_at = ESTAB_SEC(1),
                                   .route_delay = ESTAB_MS(10),
                                   .heal_at = ESTAB_NEVER };
    struct sim_link l = make_link(&cfg);
    struct sim_copy c[SIM_COPIES_MAX];

    assert_int_equal(carry_160(&l, 0, ESTAB_MS(999), c), 1);
    assert_true(c[0].at == ESTAB_MS(1049));
    assert_int_equal(carry_160(&l, 0, ESTAB_MS(1000), c), 1); /* overtakes the one before */
    assert_true(c[0].at == ESTAB_MS(1010));
    l.cfg.route_delay = 0;
    assert_int_equal(carry_160(&l, 0, ESTAB_MS(1000), c), 1);
    assert_true(c[0].at == ESTAB_MS(1050));
}

/* Two links through one queue: what one sends, the other waits for; the delays are their own. */
TEST(links_that_share_a_queue_share_its_rate_and_its_room)
{
    struct sim_link_config cfg = {
        .delay = ESTAB_MS(3), .bits_per_second = 1280000, .queue_bytes = 480, .heal_at = ESTAB_NEVER
    };
    struct sim_link_config other = { .delay = ESTAB_MS(20), .heal_at = ESTAB_NEVER };
    struct sim_link a = make_link(&cfg), b = make_link(&other);
    uint8_t packet[200];
    uint32_t len = make_packet(packet, 4, ESTAB_CTL_ACK, 120);
    struct sim_copy c[SIM_COPIES_MAX];
    enum sim_notice notice;

    assert_int_equal(carry_160(&a, 0, 0, c), 1);
    assert_true(c[0].at == ESTAB_MS(4));
    assert_int_equal(sim_link_carry_through(&b, &a, 0, packet, len, 0, c, &notice), 1);
    assert_true(c[0].at == ESTAB_MS(22));
    assert_int_equal(carry_160(&a, 0, 0, c), 1);
    assert_true(c[0].at == ESTAB_MS(6));
    assert_int_equal(sim_link_carry_through(&b, &a, 0, packet, len, 0, c, &notice), 0);
    assert_int_equal(a.counts[0].queue_full, 1);
    /* Its own queue has no rate. */
    assert_int_equal(carry_160(&b, 0, 0, c), 1);
    assert_true(c[0].at == ESTAB_MS(20));
}

TEST(a_drop_with_repeats_takes_the_same_octets_again)
{
    struct sim_link_config cfg = { .heal_at = ESTAB_NEVER, .n_holds = 1 };
    struct sim_link l;
    uint8_t packet[200];
    uint32_t len = make_packet(packet, 4, ESTAB_CTL_ACK, 100);
    struct sim_copy c[SIM_COPIES_MAX];
    enum sim_notice notice;

    cfg.holds[0] =
        (struct sim_hold){ .with_text = true, .nth = 1, .repeats = 1, .action = SIM_HOLD_DROP };
    l = make_link(&cfg);
    for (unsigned i = 0; i < 6; i++) {
        static const uint8_t seq[] = { 0, 5, 6, 5, 5, 7 };
        static const unsigned arrive[] = { 1, 0, 1, 0, 1, 1 };

        packet[27] = seq[i];
        assert_int_equal(sim_link_carry(&l, 0, packet, len, ESTAB_MS(i), c, &notice), arrive[i]);
    }
    assert_int_equal(l.cfg.holds[0].seq, 5);
    assert_true(l.cfg.holds[0].hit_at == ESTAB_MS(1));
}
