/* SPDX-License-Identifier: MIT */
/*
 * One neighbour cache for IPv4 (ARP) and IPv6 (ND): who has which link-layer address, and is it
 * still true. The states and timers are those of RFC 4861 §7.3 for both families; what may move
 * an entry differs and has a function each. Entries that were never resolved are limited apart
 * from those that were (RFC 6583 §6.1), so that asking for addresses that do not exist pushes out
 * nobody who does. Knows no packets: stack/ sends what estab_neigh_expire() says is due.
 */
#ifndef IP_NEIGHBOUR_H
#define IP_NEIGHBOUR_H

#include "base/list.h"
#include "base/pool.h"
#include "base/ring.h"
#include "base/siphash.h"
#include "base/wheel.h"

#include <stdbool.h>
#include <stdint.h>

enum neigh_state {
    NEIGH_INCOMPLETE = 1, /* asked, not answered yet */
    NEIGH_FAILED,         /* not answered; nobody asks again for a second (RFC 1122 §2.3.2.1) */
    NEIGH_REACHABLE,      /* it was there not long ago */
    NEIGH_STALE,          /* nobody knows, nobody cares yet */
    NEIGH_DELAY,          /* used; perhaps an upper layer confirms it */
    NEIGH_PROBE,          /* asked, itself alone */
};

struct neighbour {
    struct wheel_timer timer;
    struct link lru;
    struct link parked; /* stack's: connections that wait for the address */
    struct ring queue;  /* stack's: packets of no connection, each behind a header */
    uint32_t waiting;   /* so many */
    struct link out;    /* stack's: the address is known, and they go as there is room */
    uint32_t index, next_in_bucket;
    estab_time confirmed_at; /* REACHABLE: the latest proof */
    uint8_t addr[16];
    uint8_t addr_len, ifindex;
    uint8_t state; /* enum neigh_state */
    uint8_t probes;
    uint8_t mac[6];
    bool router; /* IPv6: it said so */
    bool fixed;  /* given by the user, for good */
    bool used;   /* a packet has gone there since it was resolved */
};

/* In front of each packet that waits. */
struct neigh_queued {
    uint32_t len;
    uint8_t reason, state;
};

struct neigh_limits {
    uint32_t resolved, unresolved;
    size_t queue_bytes; /* of memory for the packets that wait, of all neighbours */
};

/* RFC 4861 §10, and of each interface what a router has advertised. */
struct neigh_times {
    estab_time reachable; /* the base; an entry gets 0.5 to 1.5 of it */
    estab_time retrans;
};

#define NEIGH_DELAY_FIRST ESTAB_SEC(5) /* DELAY_FIRST_PROBE_TIME */
#define NEIGH_SOLICITS 3               /* MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT */
#define NEIGH_INTERFACES 16
/* Octets of packets that wait for one neighbour, with their headers: the largest IPv6 packet, or
 * several that together are no more. */
#define NEIGH_QUEUE (40u + 65535u + (uint32_t)sizeof(struct neigh_queued))

struct neighbours {
    struct pool pool;
    struct wheel wheel;
    struct siphash_key key;
    struct arena *arena;
    struct chunks *chunks; /* where queues come from */
    uint32_t *bucket;
    uint32_t buckets;                 /* a power of two */
    struct link resolved, unresolved; /* the one to go first, first */
    uint32_t resolved_n, unresolved_n;
    struct neigh_limits max;
    struct neigh_times times[NEIGH_INTERFACES];
    size_t queue_bytes; /* held by all queues */
    uint64_t evicted, refused, failed;
    uint64_t dropped; /* packets that waited in vain */
};

bool estab_neigh_init(struct neighbours *t, struct arena *arena, struct chunks *chunks,
                      struct neigh_limits max, struct siphash_key key);
/* Gives back entries and queues. */
void estab_neigh_fini(struct neighbours *t);

struct neighbour *estab_neigh_find(const struct neighbours *t, unsigned ifindex,
                                   const uint8_t *addr, unsigned addr_len);

enum neigh_answer {
    NEIGH_SEND,   /* to n->mac */
    NEIGH_WAIT,   /* asked; park with n */
    NEIGH_NOBODY, /* nobody answered, or (n NULL) there is no room to ask */
};
/* A packet is to go to `addr`. May make an entry; then, and when it was stale, a timer is due. */
enum neigh_answer estab_neigh_use(struct neighbours *t, unsigned ifindex, const uint8_t *addr,
                                  unsigned addr_len, estab_time now, struct neighbour **n);

/* What time has made due, one at a time; NULL: nothing (more). */
enum neigh_due {
    NEIGH_ASK_ALL, /* send a broadcast request, or a solicitation to the group */
    NEIGH_ASK_ONE, /* to n->mac */
    NEIGH_GAVE_UP, /* never answered: let go what waits for it */
    NEIGH_LOST,    /* answers no more: the entry ends with estab_neigh_forget() */
};
struct neighbour *estab_neigh_expire(struct neighbours *t, estab_time now, enum neigh_due *due);

/* Room for `need` octets more in the queue; what waits longest makes room, first for the same
 * neighbour. False: there is none. */
bool estab_neigh_queue_room(struct neighbours *t, struct neighbour *n, uint32_t need);
/* The packets that wait are lost. */
void estab_neigh_drop_queue(struct neighbours *t, struct neighbour *n);
/* An entry without parked connections ends. */
void estab_neigh_forget(struct neighbours *t, struct neighbour *n);

/* Each: true when an address that was asked for is known now, so that what waits can go. */

/* A neighbour advertisement (RFC 4861 §7.2.5). `mac` NULL: it names none. *taken: was it of use? */
bool estab_neigh_advert(struct neighbours *t, struct neighbour *n, const uint8_t *mac,
                        bool solicited, bool override, bool router, estab_time now, bool *taken);
/* Another ND message names the link-layer address of its sender (§7.2.3, §6.2.6, §6.3.4, §8.3); makes
 * an entry where there is none and a place that nobody uses. */
bool estab_neigh_learn(struct neighbours *t, unsigned ifindex, const uint8_t *addr,
                       const uint8_t *mac, estab_time now, struct neighbour **n);
/* ARP: somebody says that the neighbour is at `mac`; `reply`: in a reply to us alone. */
bool estab_neigh_arp(struct neighbours *t, struct neighbour *n, const uint8_t *mac, bool reply,
                     estab_time now, bool *taken);
/* The user's own word, for good. NULL: no room. */
struct neighbour *estab_neigh_set(struct neighbours *t, unsigned ifindex, const uint8_t *addr,
                                  unsigned addr_len, const uint8_t *mac, estab_time now);

/* An upper layer has seen its packets arrive there (RFC 4861 §7.3.1). */
void estab_neigh_confirm(struct neighbours *t, struct neighbour *n, estab_time now);

#endif
