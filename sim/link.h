/* SPDX-License-Identifier: MIT */
/*
 * A link between two interfaces: decides what becomes of a packet (when it arrives, how often,
 * with which bits flipped, or not at all). Knows no hosts and no queue: world.c carries it out.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "estab/time.h"
#include "sim/prng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What goes wrong by chance, in parts per million of packets. */
struct sim_faults {
    uint32_t loss_ppm;
    uint32_t duplicate_ppm;
    uint32_t corrupt_ppm;
    uint32_t mark_ppm;    /* of the packets that are ECT: congestion experienced (RFC 3168 §5) */
    uint32_t reorder_ppm; /* delayed by up to reorder_extra more than the others */
    estab_time reorder_extra;
    uint32_t forge_ppm; /* somebody off the path who knows the endpoints sends his own along */
    uint32_t unreachable_ppm; /* lost, and a router says "host unreachable" */
    uint32_t ack_loss_ppm;    /* of the segments that only acknowledge: no text, SYN, FIN, RST */
    estab_time shut_every;    /* at the end of each so much time ... */
    estab_time shut_for;      /* ... all is lost for so long: somebody floods the path in pulses */
    uint8_t only;             /* all of these: 0 in both directions, 1 + d in direction d */
};

/* Losses in bursts (Gilbert and Elliott): two states, between which each packet may move, with a
 * loss of their own. It begins in the good one; each direction has its own. */
struct sim_bursts {
    uint32_t to_bad_ppm, to_good_ppm;
    uint32_t good_loss_ppm, bad_loss_ppm;
};

/* The controlled delay of RFC 8289: interval 0: none. */
struct sim_codel_config {
    estab_time target, interval;
};
#define SIM_CODEL_TARGET ESTAB_MS(5)
#define SIM_CODEL_INTERVAL ESTAB_MS(100)

/* What goes wrong with one very packet: the n-th that matches is kept back, or with `every` it and
 * all that follow. */
enum sim_hold_action { SIM_HOLD_DELAY, SIM_HOLD_DROP, SIM_HOLD_DUPLICATE, SIM_HOLD_ALTER };
struct sim_hold {
    uint8_t direction;     /* 0: from end 0 to end 1, 1: the other way */
    uint8_t ctl, ctl_mask; /* packets with (control bits & ctl_mask) == ctl */
    bool with_text;        /* and text only */
    bool without_text;     /* and no text only */
    bool every;
    uint32_t nth; /* from 0 */
    enum sim_hold_action action;
    estab_time release_after; /* DELAY: arrives so much later; DUPLICATE: its copy does */
    estab_time release_at;    /* the same as an instant, at which it arrives; 0: see before */
    uint32_t repeats;         /* DROP: so many that begin with the same octet are dropped too */
    uint32_t seen;            /* matches so far */
    uint32_t seq, repeated;   /* where the one kept back began; its repetitions dropped so far */
    estab_time hit_at;        /* and when it was sent */
};
#define SIM_HOLDS_MAX 8

struct sim_link_config {
    estab_time delay;
    uint64_t bits_per_second; /* 0: no limit */
    estab_time queue_max;     /* with a rate: what would wait longer is dropped */
    uint32_t queue_bytes;     /* with a rate: as much waits, the next is dropped; 0: no limit */
    struct sim_codel_config codel;
    estab_time jitter;      /* up to so much more, by chance; the order stays */
    estab_time coalesce;    /* arrivals only at multiples of it; 0: at any time */
    uint8_t coalesce_only;  /* 0: in both directions, 1 + d: in direction d */
    estab_time route_at;    /* from then on another way is taken, which takes ... */
    estab_time route_delay; /* ... so long instead of `delay`; 0: the way stays */
    bool ethernet;     /* it carries frames; else bare IP packets. For who joins hosts with it */
    uint32_t path_mtu; /* larger packets are dropped and answered "too big"; 0: none are */
    struct sim_faults faults;
    struct sim_bursts bursts;
    estab_time down_at, up_at; /* in between everything is lost */
    estab_time heal_at;        /* from then on nothing goes wrong any more; ESTAB_NEVER: goes on */
    struct sim_hold holds[SIM_HOLDS_MAX];
    unsigned n_holds;
};

struct sim_link_counts {
    uint64_t packets, bytes, lost, queue_full, duplicated, corrupted, marked, reordered, held,
        too_big, codel_dropped;
};

/* What became of a packet. */
enum sim_fate {
    SIM_FATE_ARRIVES,
    SIM_FATE_LOST,
    SIM_FATE_HELD,
    SIM_FATE_DUPLICATED,
    SIM_FATE_CORRUPTED
};

/* What CoDel remembers between two packets, in the RFC's words (RFC 8289 §5.3). */
struct sim_codel {
    estab_time first_above_time, drop_next;
    uint32_t count, lastcount;
    bool dropping;
};

struct sim_link {
    struct sim_link_config cfg;
    struct sim_prng dice;
    bool held; /* the packet carried last */
    estab_time busy_until[2];
    estab_time last_arrival[2]; /* of what jitter may not overtake */
    struct sim_codel codel[2];
    bool in_burst[2];
    struct sim_link_counts counts[2];
};

/* One arrival of a packet. */
struct sim_copy {
    estab_time at;
    bool marked; /* CE instead of ECT */
    bool corrupt;
    uint32_t flip_at; /* octet, even */
    uint16_t flip;    /* the bits of that octet and the next to turn */
    bool must_drop;   /* a checksum covers what was flipped */
};
#define SIM_COPIES_MAX 3

/* What else the link has to say about a packet. */
enum sim_notice {
    SIM_NOTICE_NONE,
    SIM_NOTICE_TOO_BIG,
    SIM_NOTICE_UNREACHABLE,
    SIM_NOTICE_FORGE, /* send what sim_packet_forge() makes of it after it */
};

void sim_link_init(struct sim_link *l, const struct sim_link_config *cfg, uint64_t seed);
/* From now on this happens too, in the place of one that has happened; false: no room. */
bool sim_link_hold(struct sim_link *l, const struct sim_hold *hold);
/* The link is cut: whatever is sent is lost. And mended: nothing goes wrong any more. */
void sim_link_cut(struct sim_link *l, estab_time now);
void sim_link_mend(struct sim_link *l, estab_time now);
/* Carries a packet in `direction`; how many copies arrive. */
unsigned sim_link_carry(struct sim_link *l, unsigned direction, const uint8_t *packet, uint32_t len,
                        estab_time now, struct sim_copy copies[SIM_COPIES_MAX],
                        enum sim_notice *notice);
/* The same through the queue of another link, which several share: `queue` says how fast, how much
 * waits and what is dropped for it, and counts that; all else is of `l`. */
unsigned sim_link_carry_through(struct sim_link *l, struct sim_link *queue, unsigned direction,
                                const uint8_t *packet, uint32_t len, estab_time now,
                                struct sim_copy copies[SIM_COPIES_MAX], enum sim_notice *notice);
/* RFC 8289 §3.3: when the next is to be dropped, the `count`-th of a row: t + interval / sqrt(count). */
estab_time sim_codel_control_law(estab_time t, estab_time interval, uint32_t count);
/* What became of a packet that was carried and arrives in `n` copies. */
enum sim_fate sim_link_fate(const struct sim_link *l, const struct sim_copy *copies, unsigned n);
/* Marks the copy, and turns the bits of a corrupt one. */
void sim_copy_flip(const struct sim_copy *copy, uint8_t *packet);

#endif
