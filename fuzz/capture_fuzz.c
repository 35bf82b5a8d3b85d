/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes captures: whatever the octets are, each IP packet lies in its frame, and playing it to a host
 * (cli/replay_play.h) ends, traps nowhere and gives all memory back.
 */
#include "cli/replay_play.h"
#include "sim/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void *
get(void *ctx, size_t size, size_t align)
{
    void *p;

    (void)ctx;
    return posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size) == 0 ? p
                                                                                          : NULL;
}

static void
put(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

static uint64_t
count_packets(const uint8_t *data, size_t size)
{
    struct capture_memory memory = { .data = data, .len = size };
    struct capture *c = estab_captured_new(estab_captured_memory, &memory);
    struct capture_packet p;
    uint64_t n = 0;
    int more;

    REQUIRE(c != NULL);
    while ((more = estab_captured_next(c, &p)) == 1) {
        const uint8_t *ip;
        uint32_t len, wire_len;

        if (estab_captured_ip(&p, &ip, &len, &wire_len))
            REQUIRE(len > 0 && ip >= p.data && ip + len <= p.data + p.len && wire_len >= len);
        n++;
    }
    REQUIRE((more == 0) == (*estab_captured_error(c) == '\0'));
    estab_captured_free(c);
    return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct estab_alloc from = { get, put, NULL };
    struct replay r = { .trust = size % 2 == 0 };
    struct sim_alloc alloc;
    struct failure why = { "" };
    uint64_t packets = count_packets(data, size);

    sim_alloc_init(&alloc, &from);
    estab_config_init(&r.cfg);
    REQUIRE(estab_config_profile(&r.cfg, "tiny") == 0);
    memset(r.cfg.secret, 3, sizeof r.cfg.secret);
    r.cfg.alloc = sim_alloc_interface(&alloc);
    if (estab_replay_look(&r, data, size, &why) == 0) {
        int result = estab_replay_play(&r, data, size, &why);

        REQUIRE(result == 0 || why.text[0] != '\0');
        REQUIRE(!r.has_status || r.packets == packets);
        REQUIRE(!r.has_status || r.given + r.own + r.others + r.no_ip + r.cut_off == r.packets);
    }
    REQUIRE(alloc.bytes == 0 && !alloc.broken);
    sim_alloc_fini(&alloc);
    return 0;
}
