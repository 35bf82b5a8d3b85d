/* SPDX-License-Identifier: MIT */
/*
 * Many hosts, links between them, one clock. The world asks every host when it must be called
 * next, moves the clock to the earliest instant at which anything happens, hands over what
 * arrives there and carries away what is sent. Nothing in it waits and nothing is random but the
 * seed: the same seed gives the same run, octet by octet, on every machine.
 *
 * apps.c gives the hosts something to do, invariants.c watches, swarm.c makes worlds out of seeds.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "estab/estab.h"
#include "sim/alloc.h"
#include "sim/attacker.h"
#include "sim/clock.h"
#include "sim/link.h"
#include "sim/prng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_INTERFACES_MAX 8
#define SIM_BATCH_MAX 64

struct sim_world;

struct sim_interface {
    uint32_t link;
    uint8_t side; /* the end of the link: 0 or 1 */
    bool ethernet;
    uint8_t mac[6];
    uint32_t mtu;
    struct estab_addr v4, v6; /* any address: has none of that family */
};

struct sim_host {
    struct sim_world *world;
    uint32_t number; /* from 0 */
    struct estab_stack *stack;
    struct estab_config cfg;
    struct sim_alloc alloc;
    unsigned n_interfaces;
    struct sim_interface interfaces[SIM_INTERFACES_MAX]; /* ifindex - 1 */
    uint64_t packets_in, packets_out;                    /* by our count, since the last reboot */
    uint32_t boots;
    bool is_scripted;        /* what arrives is for the tenant's packet() and not for the stack */
    bool keeps_secret;       /* over a reboot */
    estab_time paused_until; /* what arrives before waits, and so do its timers */
    int32_t drift_ppm;       /* its clock gains so much, or loses; set before anything happens */
};

/* In the place of a host's number: the end of a link is a port of this switch. */
#define SIM_SWITCH 0x80000000u
#define SIM_SWITCHES_MAX 4
#define SIM_PORTS_MAX 8

/*
 * A switch (IEEE 802.1D): learns who is behind which port, and floods what it does not know. Each
 * port is a link of its own, with its own faults.
 */
struct sim_switch {
    uint32_t joint[SIM_PORTS_MAX];
    unsigned ports;
    struct {
        uint8_t mac[6];
        uint8_t port;
    } learned[SIM_PORTS_MAX]; /* one station a port */
    unsigned n_learned;
    uint64_t forwarded, flooded;
};

struct sim_joint {
    struct sim_link link;
    uint32_t queue; /* the joint whose queue its packets go through: its own, or a shared one */
    struct {
        uint32_t host;
        unsigned ifindex; /* or the port, from 0 */
    } end[2];
};

/* The first thing that went wrong. */
struct sim_failure {
    const char *rule; /* NULL: nothing did */
    const char *text;
    estab_time at;
    uint32_t host;
    uint64_t conn;
    uint64_t a, b; /* what the text speaks of */
};

/* Somebody who looks on; NULL for what does not interest. Only `after` may ask the stack. */
struct sim_observer {
    void *ctx;
    void (*trace)(void *ctx, struct sim_host *host, const struct estab_trace *record);
    /* `n` packets are about to be handed to the host; must_drop[i]: a checksum is wrong. */
    void (*input)(void *ctx, struct sim_host *host, unsigned ifindex,
                  const struct estab_frame *frames, const bool *must_drop, size_t n);
    void (*input_done)(void *ctx, struct sim_host *host);
    void (*output)(void *ctx, struct sim_host *host, unsigned ifindex,
                   const struct estab_frame *frame);
    void (*event)(void *ctx, struct sim_host *host, const struct estab_event *event);
    /* The host has nothing more to say at this instant. */
    void (*after)(void *ctx, struct sim_host *host);
    /* The host has lost all memory of what was. */
    void (*reboot)(void *ctx, struct sim_host *host);
};

/* Whoever lives on the hosts. */
struct sim_tenant {
    void *ctx;
    void (*event)(void *ctx, struct sim_host *host, const struct estab_event *event);
    void (*timer)(void *ctx, uint32_t token);
    void (*packet)(void *ctx, struct sim_host *host, const uint8_t *packet, uint32_t len);
};

struct sim_item;
struct sim_packet_slot;

struct sim_world {
    struct estab_alloc from;
    uint64_t seed;
    estab_time now;
    struct sim_prng dice;

    struct sim_host **hosts;
    size_t n_hosts, cap_hosts;
    struct sim_joint *joints;
    size_t n_joints, cap_joints;
    struct sim_switch switches[SIM_SWITCHES_MAX];
    unsigned n_switches;

    struct sim_item *heap; /* by (instant, order of entry) */
    size_t n_items, cap_items;
    uint64_t entered;
    struct sim_packet_slot *slots;
    size_t n_slots, cap_slots;
    uint32_t free_slot; /* number + 1 */
    uint32_t packet_max;
    uint8_t *output_room;
    unsigned batch; /* frames asked for at once, 1..SIM_BATCH_MAX */
    uint32_t *due;  /* packets of this instant */
    size_t n_due, cap_due;

    struct sim_observer observer;
    struct sim_tenant tenant;
    estab_trace_fn *sink; /* another look at every record */
    /* What becomes of the packet of the last such record, when it is not just to arrive. */
    void (*fate)(void *ctx, struct sim_host *host, enum sim_fate fate);
    void *sink_ctx;                                     /* for both */
    struct sim_attacker *attacker;                      /* NULL: nobody means harm */
    void (*made)(void *ctx, struct estab_stack *stack); /* a host was made, or made anew; or NULL */
    void *made_ctx;
    bool silent; /* hosts made from now on get no trace sink: nobody can look on */
    bool hash_traces;
    uint64_t hash;      /* over every record */
    uint64_t wire_hash; /* over every packet handed out */
    uint64_t events;    /* steps taken, packets, ticks and calls together */
    uint64_t records;
    uint64_t standstill; /* steps since the clock moved */
    struct sim_failure failure;
    uint64_t ignored[2]; /* rules of invariants.h that do not count, a bit each */
};

/* `packet_max`: no MTU is larger. false: no memory. */
bool sim_world_init(struct sim_world *w, const struct estab_alloc *from, uint64_t seed,
                    uint32_t packet_max);
/* Frees the hosts; when nothing had failed so far, checks that they gave back every octet. */
void sim_world_fini(struct sim_world *w);

/* Adds a host. The secret, the allocator, the trace sink and the number are filled in here; the
 * n-th call of the allocator fails when `fail_at` says so. NULL: the host could not be made. */
struct sim_host *sim_world_add_host(struct sim_world *w, const struct estab_config *cfg,
                                    uint64_t fail_at);
/* Joins two hosts: an interface on each, 10.x.y.1 and .2, 2001:db8:n::1 and ::2 as wanted. On a link
 * of Ethernet, where both MTUs should be one, ARP and neighbour discovery find the other end. */
bool sim_world_join(struct sim_world *w, struct sim_host *a, struct sim_host *b,
                    const struct sim_link_config *cfg, uint32_t mtu_a, uint32_t mtu_b, bool v4,
                    bool v6);
/* The same with addresses of the caller's, of one family and one prefix (24 or 64 bits). */
bool sim_world_join_at(struct sim_world *w, struct sim_host *a, struct sim_host *b,
                       const struct sim_link_config *cfg, uint32_t mtu,
                       const struct estab_addr addr[2]);
/* Another switch, without ports; NULL: no more of them. */
struct sim_switch *sim_world_add_switch(struct sim_world *w);
/* An interface of `host` on a new port of it: 10.x.y.n, 2001:db8:m::n, one network for all. */
bool sim_world_plug(struct sim_world *w, struct sim_switch *s, struct sim_host *host,
                    const struct sim_link_config *cfg, uint32_t mtu, bool v4, bool v6);
/* The interface that has an address on the same Ethernet as that one; NULL: nobody has. */
const struct sim_interface *sim_world_owner(const struct sim_world *w, const struct sim_host *host,
                                            unsigned ifindex, const struct estab_addr *addr);
/* Where the IP packet begins in what goes over the interface. */
uint32_t sim_header_of(const struct sim_interface *at);

/* The packets from a to b and back go through the queue of the link between c and d from now on,
 * with its rate: so several pairs of hosts share one bottleneck. Each keeps its own delay and
 * faults. The ends are matched in the order given. False: there is no such link. */
bool sim_world_share(struct sim_world *w, const struct sim_host *a, const struct sim_host *b,
                     const struct sim_host *c, const struct sim_host *d);
/* The link between two hosts, or to the switch that joins them; NULL: there is none. `side` is set to the end of `a`. */
struct sim_joint *sim_world_joint(struct sim_world *w, const struct sim_host *a,
                                  const struct sim_host *b, unsigned *side);
/* The address of `host` on the link it shares with `other`; any address if there is none. */
struct estab_addr sim_world_address(const struct sim_world *w, const struct sim_host *host,
                                    const struct sim_host *other, enum estab_family family);

/* The host ends without a word and begins anew with the same addresses (RFC 9293 §3.5.1). What its
 * users held is gone. */
void sim_world_reboot(struct sim_world *w, struct sim_host *host);

/* The tenant's timer() will be called with `token` at that instant. */
void sim_world_wake(struct sim_world *w, estab_time at, uint32_t token);
/* After a user call on a host: carries away what it has to send, tells its events. */
void sim_world_pump(struct sim_world *w, struct sim_host *host);
/* A scripted host sends a packet. */
void sim_world_send(struct sim_world *w, struct sim_host *host, unsigned ifindex,
                    const struct estab_frame *packet);
/* A packet out of nowhere arrives at a host; on Ethernet in a frame of nobody's. */
void sim_world_inject(struct sim_world *w, struct sim_host *host, unsigned ifindex,
                      const uint8_t *packet, uint32_t len, estab_time at);
/* The same with one that must not be believed. */
void sim_world_inject_lie(struct sim_world *w, struct sim_host *host, unsigned ifindex,
                          const uint8_t *packet, uint32_t len, estab_time at);

/* Runs until nothing is left to happen, the clock would pass `until`, `max_events` are spent, or
 * something fails. */
enum sim_stop { SIM_STOP_IDLE, SIM_STOP_TIME, SIM_STOP_EVENTS, SIM_STOP_FAILED };
enum sim_stop sim_world_run(struct sim_world *w, estab_time until, uint64_t max_events);

/* What the clock of a host shows now. Whoever calls a host tells it this time. */
estab_time sim_host_now(const struct sim_host *host);
/* The next instant at which anything happens; ESTAB_NEVER: nothing does. */
estab_time sim_world_next(const struct sim_world *w);

/* Notes a failure, unless there is one already. */
void sim_fail(struct sim_world *w, const char *rule, const char *text, uint32_t host, uint64_t conn,
              uint64_t a, uint64_t b);

static inline bool
sim_failed(const struct sim_world *w)
{
    return w->failure.rule != NULL;
}

#endif
