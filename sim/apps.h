/* SPDX-License-Identifier: MIT */
/*
 * Who talks on the simulated hosts. A dialogue is one connection planned in advance: who opens,
 * what each side sends, how it reads, how it ends. Its two actors play it on the user's calls and
 * events alone, and each verifies what it hears: the text is the start of what the other said, and
 * all of it when the stream ends in order.
 */
#ifndef SIM_APPS_H
#define SIM_APPS_H

#include "sim/world.h"

enum sim_ending {
    SIM_END_SHUTDOWN,    /* all said: no more to send; the handle goes back when all is heard */
    SIM_END_AFTER_PEER,  /* all said and the peer's end heard: close */
    SIM_END_CLOSE_EARLY, /* all said: close at once, whatever may still come */
    SIM_END_ABORT,       /* after so many octets said and heard: abort */
};

/* One side of a dialogue. */
struct sim_part {
    uint64_t total;        /* octets it has to say */
    uint32_t chunk;        /* per call, at least 1 */
    uint32_t turn;         /* > 0: it says so many octets, then the other side its turn */
    bool after_peer;       /* says nothing before the peer's end was heard (half-close) */
    bool early;            /* sends before the connection is open */
    bool zero_copy;        /* peek/consume and reserve/commit */
    bool urgent;           /* now and then with the urgent flag */
    uint32_t read_chunk;   /* octets per call, at least 1 */
    estab_time read_gap;   /* waits so long between two calls that gave something */
    estab_time read_after; /* reads nothing before so long after the opening */
    enum sim_ending ending;
    uint64_t abort_after; /* octets said and heard together */
};

struct sim_dialogue {
    uint32_t host[2];          /* who opens, who answers */
    struct estab_addr addr[2]; /* local addresses */
    uint16_t port[2];          /* port[0] 0: chosen by the stack */
    bool simultaneous;         /* both open; both ports are given */
    bool expect_clean;         /* nothing here can justify a failure */
    estab_time start_at;
    uint32_t after; /* starts when the dialogue of this number + 1 is over; 0: none */
    struct estab_tcp_options options[2];
    struct sim_part part[2];
};

enum sim_phase { SIM_PLANNED, SIM_OPENING, SIM_OPEN, SIM_DONE };

struct sim_actor {
    struct sim_apps *apps;
    uint32_t number; /* 2 * dialogue + side */
    enum sim_phase phase;
    bool connected;
    bool said_all;   /* told the stack that no more comes */
    bool heard_all;  /* the peer's end was reached */
    bool reads_late; /* a timer runs, nothing is read before it */
    estab_time opened_at, done_at;
    int error;      /* that ended it, 0 if it ended as planned */
    unsigned tries; /* of connect */
    estab_conn conn;
    struct estab_endpoint local, remote;
    uint32_t iss, irs;
    uint64_t born; /* order of opening: names and ISN may return within one tick of the ISN clock */
    uint64_t said, heard;
};

struct sim_listener {
    uint32_t host;
    estab_conn conn;
    uint32_t backlog;
    estab_time accept_delay;
    struct estab_tcp_options options; /* if it has its own */
    bool has_options;
    uint16_t port;
    bool open, waiting;
};
#define SIM_LISTENERS_MAX 128

struct sim_apps {
    struct sim_world *world;
    struct sim_dialogue *dialogues;
    struct sim_actor *actors; /* two for each dialogue */
    uint32_t n_dialogues, cap_dialogues;
    uint64_t births;
    uint32_t done; /* actors that have ended */
    struct sim_listener listeners[SIM_LISTENERS_MAX];
    unsigned n_listeners;
    bool shut;                  /* the listeners are closed when the last actor has ended */
    uint64_t completed, failed; /* actors that ended as planned, or with an error */
    uint8_t *room;
};

bool sim_apps_init(struct sim_apps *apps, struct sim_world *w, uint32_t max_dialogues);
void sim_apps_fini(struct sim_apps *apps);

/* A part with nothing special: says `total` octets in large calls, reads at once, shuts down. */
struct sim_part sim_part(uint64_t total);
/* `host` listens at a port, on every address. 0 or the negative error. */
int sim_apps_listen(struct sim_apps *apps, struct sim_host *host, uint16_t port, uint32_t backlog,
                    estab_time accept_delay, const struct estab_tcp_options *options);
/* Adds a dialogue and plans its start; its number. The two hosts must share a link. */
uint32_t sim_apps_add(struct sim_apps *apps, const struct sim_dialogue *d);

/* A host reboots at that instant: its actors end, its listeners listen anew. */
void sim_apps_reboot_at(struct sim_apps *apps, uint32_t host, estab_time at);
/* Nothing is left to happen: ends the answering actors that were never called, because their opener
 * gave up. True: something may happen again. */
bool sim_apps_settle(struct sim_apps *apps);
/* Has every actor ended? The listeners are closed then. */
bool sim_apps_done(const struct sim_apps *apps);
/* Which stream does a host send on this connection? False: no actor knows it. */
bool sim_apps_stream(const struct sim_apps *apps, uint32_t host, const struct estab_endpoint *local,
                     const struct estab_endpoint *remote, uint32_t iss, uint64_t *stream,
                     const struct sim_actor **actor);

#endif
