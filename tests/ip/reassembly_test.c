/* SPDX-License-Identifier: MIT */
/* Reassembly against an oracle that keeps a map of octets, and the memory of it. */
#include "ip/reassembly.h"

#include "base/bytes.h"
#include "harness/test.h"
#include "sim/prng.h"

#include <stdlib.h>
#include <string.h>

static void *
get(void *ctx, size_t size, size_t align)
{
    *(size_t *)ctx += size;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
put(void *ctx, void *ptr, size_t size)
{
    *(size_t *)ctx -= size;
    free(ptr);
}

struct world {
    size_t heap;
    struct estab_config cfg;
    struct arena arena;
    struct chunks chunks;
    struct reassembly r;
    uint8_t packet[40 + 8 + 1500];
};

static struct world *
world(size_t bytes, uint32_t datagrams, uint32_t fragments)
{
    struct world *w = calloc(1, sizeof(*w));

    estab_config_init(&w->cfg);
    w->cfg.alloc = (struct estab_alloc){ .get = get, .put = put, .ctx = &w->heap };
    w->cfg.reassembly_bytes = bytes;
    w->cfg.max_reassemblies = datagrams;
    w->cfg.max_fragments = fragments;
    estab_arena_init(&w->arena, &w->cfg.alloc, (size_t)16 << 20);
    estab_chunks_init(&w->chunks, &w->arena);
    estab_reassembly_init(&w->r, &w->arena, &w->chunks, (struct siphash_key){ 1, 2 }, &w->cfg);
    return w;
}

static void
world_ends(struct world *w)
{
    estab_reassembly_fini(&w->r);
    assert_int_equal(w->r.bytes, 0);
    assert_int_equal(w->chunks.lent, 0);
    estab_chunks_fini(&w->chunks);
    assert_int_equal(w->heap, 0);
    free(w);
}

/* A fragment with octets at..at + len of `payload`, parsed as it would be from the wire. */
static enum estab_verdict
add(struct world *w, unsigned version, uint32_t id, const uint8_t *payload, uint32_t at,
    uint32_t len, bool more, estab_time now, struct whole_packet *whole)
{
    static const uint8_t src[16] = { 192, 0, 2, 1 }, dst[16] = { 192, 0, 2, 2 };
    uint32_t head = version == 4 ? 20 : 48;
    enum estab_verdict v;
    struct ip_header ip;

    (void)estab_ip_write(w->packet, version, version == 4 ? 99 : 44, 64, 0, src, dst, (uint16_t)id,
                         head - (version == 4 ? 20 : 40) + len);
    if (version == 4) {
        put_be16(w->packet + 6, (more ? 0x2000u : 0) | at / 8);
    } else {
        w->packet[40] = 99;
        w->packet[41] = 0;
        put_be16(w->packet + 42, at | more);
        put_be32(w->packet + 44, id);
    }
    memcpy(w->packet + head, payload + at, len);
    *whole = (struct whole_packet){ 0 };
    v = estab_ip_parse(&ip, w->packet, head + len, true);
    if (v != ESTAB_SEG_DROP_IP_FRAGMENT || !ip.fragment)
        return v;
    return estab_reassembly_add(&w->r, &ip, w->packet, 1, now, whole);
}

/* What one datagram's fragments have said so far, octet by octet. */
struct oracle {
    uint8_t have[4096];
    uint32_t total; /* 0: not known */
    bool dead;
};

/* 0: held, 1: whole, 2: the same again, 3: dropped. Duplicates are those of one fragment, known by where it begins and
 * ends: `cut` marks both. */
static unsigned
oracle_takes(struct oracle *o, uint8_t *cut, uint32_t at, uint32_t len, bool more)
{
    uint32_t i, n = 0, whole = 0;

    if (o->dead)
        return 3;
    for (i = at; i < at + len; i++)
        n += o->have[i];
    if (n == len && cut[at] == 1 && (more ? at + len != o->total : at + len == o->total)) {
        for (i = at + 1; i < at + len && cut[i] == 0; i++)
            ;
        if (i == at + len && (cut[i] == 1 || o->have[i] == 0 || i == o->total))
            return 2;
    }
    for (i = at + len; i < sizeof(o->have); i++)
        whole += o->have[i];
    if (n > 0 || (more && o->total != 0 && at + len >= o->total) ||
        (!more && ((o->total != 0 && o->total != at + len) || whole > 0))) {
        o->dead = true;
        return 3;
    }
    memset(o->have + at, 1, len);
    cut[at] = 1;
    if (!more)
        o->total = at + len;
    for (i = 0, n = 0; o->total != 0 && i < o->total; i++)
        n += o->have[i];
    return o->total != 0 && n == o->total;
}

/* Random fragments of random datagrams, most of them of an honest cut, some not: what is said of each, and every octet that
 * comes out, is as the oracle has it.
 * vuln: Reassembly out-of-bounds (uIP, FNET, Treck) */
TEST(random_fragments_are_put_together_as_the_oracle_does)
{
    struct sim_prng dice;
    static uint8_t payload[4096];
    unsigned wholes = 0, kills = 0, duplicates = 0;

    sim_prng_seed(&dice, 7);
    sim_stream_fill(3, 0, payload, sizeof(payload));
    for (unsigned round = 0; round < 20000; round++) {
        struct world *w = NULL;
        unsigned version = round % 2 == 0 ? 4 : 6, n;
        uint32_t size = 16 + (uint32_t)sim_prng_below(&dice, 300), each = 8;
        struct oracle o = { .total = 0 };
        uint8_t cut[4096] = { 0 };
        bool done = false;

        w = world(1 << 20, 8, 64);
        each += 8 * (uint32_t)sim_prng_below(&dice, 8);
        for (n = 0; n < 60 && !done; n++) {
            bool honest = sim_prng_below(&dice, 40) != 0, more;
            uint32_t pieces = (size + each - 1) / each;
            uint32_t at = honest ? (uint32_t)sim_prng_below(&dice, pieces) * each
                                 : 8 * (uint32_t)sim_prng_below(&dice, 60);
            uint32_t len = honest ? (size - at < each ? size - at : each)
                                  : 1 + (uint32_t)sim_prng_below(&dice, 100);
            struct whole_packet whole;
            enum estab_verdict v;
            unsigned want;

            more = honest ? at + len < size : sim_prng_below(&dice, 2) != 0;
            if (more && len % 8 != 0)
                len += 8 - len % 8;
            if (at == 0 && !more) /* not a fragment */
                continue;
            v = add(w, version, 5, payload, at, len, more, 0, &whole);
            want = oracle_takes(&o, cut, at, len, more);
            switch (want) {
            case 0:
                assert_int_equal(v, ESTAB_SEG_ACCEPTED_FRAGMENT);
                break;
            case 1:
                assert_int_equal(v, ESTAB_SEG_NONE);
                assert_non_null(whole.data);
                assert_int_equal(whole.len, (version == 4 ? 20 : 40) + o.total);
                assert_memory_equal(whole.data + whole.len - o.total, payload, o.total);
                estab_reassembly_put(&w->r, &whole);
                done = true;
                wholes++;
                break;
            case 2:
                assert_int_equal(v, ESTAB_SEG_DROP_FRAGMENT_DUPLICATE);
                duplicates++;
                break;
            default:
                assert_int_equal(v, ESTAB_SEG_DROP_FRAGMENT_OVERLAP);
                kills++;
                break;
            }
        }
        world_ends(w);
    }
    assert_true(wholes > 5000 && kills > 5000 && duplicates > 5000);
}

/* limit: reassembly_bytes, with every size of fragment and of the budget: never more is held. */
TEST(what_is_held_stays_within_its_budget)
{
    struct sim_prng dice;
    static uint8_t payload[65536];

    sim_prng_seed(&dice, 11);
    for (size_t budget = 0; budget < 100000; budget += 7001) {
        struct world *w = world(budget, 16, 64);
        unsigned held = 0;

        for (unsigned i = 0; i < 3000; i++) {
            uint32_t at = 8 * (uint32_t)sim_prng_below(&dice, 7000);
            uint32_t len = 8 * (1 + (uint32_t)sim_prng_below(&dice, 180));
            struct whole_packet whole;
            enum estab_verdict v =
                add(w, i % 2 == 0 ? 4 : 6, (uint32_t)sim_prng_below(&dice, 100), payload, at, len,
                    sim_prng_below(&dice, 8) != 0, (estab_time)i, &whole);

            held += v == ESTAB_SEG_ACCEPTED_FRAGMENT;
            if (whole.data != NULL)
                estab_reassembly_put(&w->r, &whole);
            assert_in_range(w->r.bytes, 0, budget);
            assert_in_range(w->r.datagrams.lent, 0, 16);
        }
        assert_int_equal(held > 0, budget > 7000);
        world_ends(w);
    }
}

/* Without memory a fragment is dropped and nothing is lost. */
TEST(without_memory_fragments_are_dropped)
{
    struct world *w = world(1 << 20, 16, 64);
    static const uint8_t payload[4096];
    struct whole_packet whole;

    w->arena.budget = 0;
    assert_int_equal(add(w, 4, 1, payload, 0, 800, true, 0, &whole), ESTAB_SEG_DROP_FRAGMENT_LIMIT);
    w->arena.budget = 70000; /* for records, but not for octets */
    assert_int_equal(add(w, 4, 1, payload, 0, 800, true, 0, &whole), ESTAB_SEG_DROP_NO_MEMORY);
    assert_null(whole.data);
    world_ends(w);
}

/* The order in which datagrams end, with two times for two families. */
TEST(datagrams_end_in_their_time)
{
    struct world *w = world(1 << 20, 16, 64);
    static const uint8_t payload[4096];
    struct whole_packet whole;
    struct late_datagram late;

    assert_true(estab_reassembly_deadline(&w->r) == ESTAB_NEVER);
    (void)add(w, 6, 1, payload, 0, 800, true, 0, &whole);
    (void)add(w, 4, 1, payload, 800, 800, true, ESTAB_SEC(1), &whole);
    (void)add(w, 4, 2, payload, 0, 800, true, ESTAB_SEC(2), &whole);
    assert_true(estab_reassembly_deadline(&w->r) == ESTAB_SEC(31));
    assert_false(estab_reassembly_expire(&w->r, ESTAB_SEC(31) - 1, &late));
    assert_true(estab_reassembly_expire(&w->r, ESTAB_SEC(31), &late));
    assert_int_equal(late.quote_len, 0); /* its first fragment was not there */
    assert_false(estab_reassembly_expire(&w->r, ESTAB_SEC(31), &late));
    assert_true(estab_reassembly_expire(&w->r, ESTAB_SEC(60), &late));
    assert_int_equal(late.quote_len, 820);
    assert_true(estab_reassembly_expire(&w->r, ESTAB_SEC(60), &late));
    assert_int_equal(late.quote_len, 848);
    assert_true(estab_reassembly_deadline(&w->r) == ESTAB_NEVER);
    assert_int_equal(w->r.failed, 3);
    world_ends(w);
}

/* The half of a datagram of two fragments of 16 octets that is heard on that interface. */
static enum estab_verdict
half_heard(struct world *w, const uint8_t src[16], const uint8_t dst[16], bool second,
           unsigned ifindex, struct whole_packet *whole)
{
    static const uint8_t payload[16] = { 1, 2, 3 };
    struct ip_header ip;

    (void)estab_ip_write(w->packet, 6, 44, 64, 0, src, dst, 0, 8 + 16);
    memset(w->packet + 40, 0, 8);
    w->packet[40] = 99;
    put_be16(w->packet + 42, second ? 16 : 1);
    memcpy(w->packet + 48, payload, 16);
    assert_int_equal(estab_ip_parse(&ip, w->packet, 64, true), ESTAB_SEG_DROP_IP_FRAGMENT);
    return estab_reassembly_add(&w->r, &ip, w->packet, ifindex, 0, whole);
}

/* RFC 4007 §6: the same link-local address on another link is another host, and a group is one of a link: who is on
 * one cannot put his words into what comes from the other. A host's global address is the same everywhere. */
TEST(fragments_of_two_links_are_not_of_one_host_where_addresses_are_of_a_link)
{
    static const struct {
        uint8_t src[16], dst[16];
        bool joined;
    } table[] = {
        { { 0x20, 1, [15] = 1 }, { 0x20, 1, [15] = 2 }, true },
        { { 0xfe, 0x80, [15] = 1 }, { 0x20, 1, [15] = 2 }, false },
        { { 0x20, 1, [15] = 1 }, { 0xfe, 0x80, [15] = 2 }, false },
        { { 0xfe, 0x80, [15] = 1 }, { 0xfe, 0x80, [15] = 2 }, false },
        { { 0x20, 1, [15] = 1 }, { 0xff, 2, [15] = 2 }, false },
    };

    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct world *w = world(1 << 16, 8, 8);
        const uint8_t *src = table[i].src, *dst = table[i].dst;
        struct whole_packet whole;

        assert_int_equal(half_heard(w, src, dst, false, 1, &whole), ESTAB_SEG_ACCEPTED_FRAGMENT);
        assert_int_equal(half_heard(w, src, dst, true, 2, &whole),
                         table[i].joined ? ESTAB_SEG_NONE : ESTAB_SEG_ACCEPTED_FRAGMENT);
        if (!table[i].joined) {
            assert_null(whole.data);
            assert_int_equal(half_heard(w, src, dst, true, 1, &whole), ESTAB_SEG_NONE);
        }
        assert_non_null(whole.data);
        assert_int_equal(whole.len, 40 + 32);
        estab_reassembly_put(&w->r, &whole);
        world_ends(w);
    }
}
