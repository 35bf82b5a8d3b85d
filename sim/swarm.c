/* SPDX-License-Identifier: MIT */
/* See swarm.h. */
#include "sim/swarm.h"

#include <string.h>

#define PACKET_MAX 9000u
#define DIALOGUES_MAX 8u
#define EVENTS_MAX 2000000u
#define SERVER_PORT 80
/* What TCP trusts the network with (RFC 9293 §3.4.3): holds of up to 134 s, reordering of 8 s. A port
 * is not used again sooner where packets may stray; after a reset no TIME-WAIT would protect it. */
#define STRAY_LIFE ESTAB_SEC(150)
/* The way of a packet that may come twice. */
#define SHORTEST ESTAB_US(10)

/* What a seed has decided so far. */
struct plan {
    struct sim_world *w;
    struct sim_apps *apps;
    struct sim_prng *dice;
    unsigned n_hosts;
    uint32_t n_dialogues;
    bool faulty; /* some link loses, duplicates, reorders or corrupts by chance */
    bool strays; /* a packet may turn up long after it was sent */
    bool slow;   /* some link is so slow that time alone may end a connection */
    bool tight;  /* some host has small limits or little memory */
    bool tight_memory;
    bool fast_open;                          /* RFC 7413, on all hosts */
    const struct sim_swarm_options *options; /* NULL: none */
    struct sim_attacker attacker;
    bool ethernet;             /* links carry frames */
    struct sim_switch *bridge; /* all hosts are on it; NULL: each is joined with each */
    uint32_t mtu;              /* there */
    estab_time healed_at;
    estab_time cut_at; /* the world ends in the middle; 0: it does not */
};

const char *
sim_swarm_part_name(enum sim_swarm_part part)
{
    static const char *const names[] = {
#define X(id, name) name,
        SIM_SWARM_PARTS(X)
#undef X
    };

    return names[part];
}

static bool
is_left_out(const struct plan *p, enum sim_swarm_part part)
{
    return p->options != NULL && (p->options->omit >> part & 1) != 0;
}

/* What the options leave out has been planned like all else, so that the rest stays as it was. */
static void
leave_out(const struct plan *p, struct sim_link_config *cfg)
{
    struct sim_faults *f = &cfg->faults;

    if (is_left_out(p, SIM_SWARM_LOSS))
        f->loss_ppm = 0;
    if (is_left_out(p, SIM_SWARM_DUPLICATES))
        f->duplicate_ppm = 0;
    if (is_left_out(p, SIM_SWARM_REORDER))
        f->reorder_ppm = 0;
    if (is_left_out(p, SIM_SWARM_CORRUPT))
        f->corrupt_ppm = 0;
    if (is_left_out(p, SIM_SWARM_MARKS))
        f->mark_ppm = 0;
    if (is_left_out(p, SIM_SWARM_UNREACHABLE))
        f->unreachable_ppm = 0;
    if (is_left_out(p, SIM_SWARM_FORGERS))
        f->forge_ppm = 0;
    if (is_left_out(p, SIM_SWARM_OUTAGE))
        cfg->down_at = cfg->up_at = 0;
    if (is_left_out(p, SIM_SWARM_HOLDS))
        cfg->n_holds = 0;
    if (is_left_out(p, SIM_SWARM_RATE))
        cfg->bits_per_second = 0;
    if (is_left_out(p, SIM_SWARM_COALESCE))
        cfg->coalesce = 0;
    if (is_left_out(p, SIM_SWARM_PATH_MTU))
        cfg->path_mtu = 0;
    if (is_left_out(p, SIM_SWARM_DELAY) && cfg->delay > ESTAB_MS(1))
        cfg->delay = ESTAB_MS(1);
}

static bool
chance(struct plan *p, uint32_t percent)
{
    return sim_prng_chance(p->dice, percent * (SIM_PPM / 100));
}

static uint64_t
between(struct plan *p, uint64_t lo, uint64_t hi)
{
    return sim_prng_between(p->dice, lo, hi);
}

/* A duration up to 2^max_log2 microseconds, short ones as often as long ones. */
static estab_time
some_time(struct plan *p, unsigned max_log2)
{
    return ESTAB_US(sim_prng_log(p->dice, max_log2));
}

/* ---- hosts ---- */

static void
plan_config(struct plan *p, struct estab_config *cfg)
{
    static const char *const profiles[] = { "rfc", "linux", "bsd", "lan", "tiny" };
    unsigned profile = (unsigned)between(p, 0, 9);
    size_t backs;

    estab_config_init(cfg);
    if (profile < 5 && estab_config_profile(cfg, profiles[profile]) != 0)
        sim_fail(p->w, "profile", "a profile that the library should know", 0, 0, profile, 0);
    p->tight |= profile == 4;
    if (chance(p, 20))
        cfg->timestamps = !cfg->timestamps;
    if (chance(p, 15))
        cfg->window_scaling = !cfg->window_scaling;
    if (chance(p, 15))
        cfg->sack = !cfg->sack;
    cfg->ecn = (uint8_t)between(p, ESTAB_ECN_OFF, ESTAB_ECN_ASK);
    cfg->accecn = chance(p, 70);
    cfg->rack = chance(p, 80);
    cfg->tcp.cc = (uint8_t)between(p, ESTAB_CC_RENO, ESTAB_CC_BBR);
    if (chance(p, 20))
        cfg->syn_layout = (uint8_t)between(p, 0, 1);
    if (chance(p, 20))
        cfg->msl = ESTAB_MS(between(p, 100, 60000));
    if (chance(p, 20))
        cfg->delayed_ack = ESTAB_MS(between(p, 1, 400));
    if (chance(p, 20))
        cfg->initial_window = (uint32_t)between(p, 1, 20);
    if (chance(p, 10))
        cfg->rfc1337 = !cfg->rfc1337;
    if (chance(p, 50)) {
        cfg->tcp.send_buffer = chance(p, 50) ? 0 : (uint32_t)1 << between(p, 11, 17);
        cfg->tcp.receive_buffer = chance(p, 50) ? 0 : (uint32_t)1 << between(p, 11, 17);
        cfg->tcp.send_buffer_max = (uint32_t)1 << between(p, 11, 20);
        cfg->tcp.receive_buffer_max = (uint32_t)1 << between(p, 11, chance(p, 20) ? 30 : 20);
    }
    if (chance(p, 5)) {
        cfg->max_half_open = (uint32_t)between(p, 1, 3);
        cfg->max_time_wait = (uint32_t)between(p, 1, 3);
        cfg->max_orphans = (uint32_t)between(p, 1, 3);
        p->tight = true;
    }
    /* The window that a budget can back depends on the size of records, and so on that of pointers:
     * little memory, less than twice the largest window, is for few seeds, which give no hash. */
    backs = 2 * (size_t)cfg->tcp.receive_buffer_max + ((size_t)64 << 20);
    if (cfg->memory_budget < backs)
        cfg->memory_budget = backs;
    if (chance(p, 3)) {
        cfg->memory_budget = (size_t)between(p, chance(p, 30) ? 2 : 14, 40) * 65536;
        p->tight = p->tight_memory = true;
        /* A slab for each kind of record and some for buffers: with less a connection may starve. */
        if (cfg->memory_budget < (size_t)14 * 65536)
            p->w->ignored[SIM_RULE_ALL_END / 64] |= (uint64_t)1 << SIM_RULE_ALL_END % 64;
    }
}

static bool
make_hosts(struct plan *p, const struct sim_swarm_options *options, struct sim_result *result)
{
    p->n_hosts = chance(p, 75) ? 2 : 3;
    for (unsigned i = 0; i < p->n_hosts; i++) {
        struct estab_config cfg;
        struct sim_host *host;
        bool fails = i == 0 && options != NULL && options->fail_allocation;

        plan_config(p, &cfg);
        host = sim_world_add_host(p->w, &cfg, fails ? options->fail_at : SIM_NO_FAILURE);
        if (host == NULL) {
            result->allocations_failed = 1;
            return false;
        }
        host->alloc.fail_after = fails && options->fail_after;
    }
    return true;
}

/* ---- links ---- */

static void
plan_faults(struct plan *p, struct sim_link_config *cfg, bool heavy)
{
    uint32_t most = heavy ? 300000 : 30000;
    struct sim_faults *f = &cfg->faults;

    if (chance(p, 70))
        f->loss_ppm = (uint32_t)between(p, 1000, most);
    if (chance(p, 40))
        f->duplicate_ppm = (uint32_t)between(p, 1000, most);
    if (chance(p, 50)) {
        f->reorder_ppm = (uint32_t)between(p, 1000, heavy ? 500000 : 100000);
        f->reorder_extra = some_time(p, heavy ? 23 : 18);
    }
    if (chance(p, 40))
        f->corrupt_ppm = (uint32_t)between(p, 1000, most);
    if (chance(p, 40))
        f->mark_ppm = (uint32_t)between(p, 1000, most);
    if (chance(p, 10))
        f->unreachable_ppm = (uint32_t)between(p, 1000, most);
    if (chance(p, 15)) {
        cfg->down_at = ESTAB_MS(between(p, 0, 20000));
        cfg->up_at = cfg->down_at + ESTAB_MS(between(p, 1, 60000));
    }
    cfg->heal_at = ESTAB_MS(between(p, 100, 90000));
    if (cfg->heal_at > p->healed_at)
        p->healed_at = cfg->heal_at;
    p->faulty = p->strays = true;
}

static void
plan_hold(struct plan *p, struct sim_link_config *cfg)
{
    static const struct {
        uint8_t ctl, mask;
    } which[] = {
        { ESTAB_CTL_SYN, ESTAB_CTL_SYN | ESTAB_CTL_ACK },
        { ESTAB_CTL_SYN | ESTAB_CTL_ACK, ESTAB_CTL_SYN | ESTAB_CTL_ACK },
        { ESTAB_CTL_FIN, ESTAB_CTL_FIN },
        { ESTAB_CTL_RST, ESTAB_CTL_RST },
        { ESTAB_CTL_ACK, ESTAB_CTL_ACK | ESTAB_CTL_SYN | ESTAB_CTL_FIN | ESTAB_CTL_RST },
    };
    struct sim_hold *h = &cfg->holds[cfg->n_holds++];
    unsigned i = (unsigned)between(p, 0, 4);

    p->strays = true;
    if (cfg->delay < ESTAB_US(10))
        cfg->delay =
            ESTAB_US(10); /* as in plan_faults(): what is doubled may be an old duplicate */

    *h = (struct sim_hold){
        .direction = (uint8_t)between(p, 0, 1),
        .ctl = which[i].ctl,
        .ctl_mask = which[i].mask,
        .with_text = i == 4 && chance(p, 50),
        .nth = (uint32_t)sim_prng_log(p->dice, 5) - 1,
        .action = (enum sim_hold_action)between(p, 0, 2),
        .release_after = some_time(p, 27),
    };
    if (i == 3 && h->action == SIM_HOLD_DROP)
        p->faulty = true; /* a lost RST is not repeated */
}

static uint32_t
some_mtu(struct plan *p)
{
    static const uint32_t usual[] = { 576, 1280, 1500, 1500, 9000 };

    return chance(p, 70) ? usual[between(p, 0, 4)] : (uint32_t)between(p, 576, PACKET_MAX);
}

/* Between two hosts, or (`b` NULL) from a host to the switch. */
static bool
make_link(struct plan *p, struct sim_host *a, struct sim_host *b)
{
    struct sim_link_config cfg = { .delay = some_time(p, 18), .heal_at = ESTAB_NEVER };
    uint32_t mtu[2] = { some_mtu(p), some_mtu(p) };
    uint32_t smallest = p->bridge != NULL ? p->mtu : mtu[0] < mtu[1] ? mtu[0] : mtu[1];
    bool v6 = smallest >= 1280 && (p->bridge != NULL || chance(p, 60));
    bool v4 = !v6 || p->bridge != NULL || chance(p, 70);
    unsigned kind = (unsigned)between(p, 0, 9);

    if (chance(p, 10))
        cfg.delay = 0;
    if (chance(p, 40)) {
        cfg.bits_per_second = (uint64_t)1000 << between(p, 7, 20);
        cfg.queue_max = ESTAB_MS(between(p, 20, 500));
        p->slow |= cfg.bits_per_second < 2000000;
    }
    if (chance(p, 30))
        cfg.coalesce = some_time(p, 13);
    if (chance(p, 15)) {
        uint32_t least = v6 ? 1280 : 576;

        cfg.path_mtu = (uint32_t)between(p, least, smallest > least ? smallest : least);
    }
    if (kind >= 3)
        plan_faults(p, &cfg, kind >= 8);
    if (chance(p, 15)) {
        cfg.faults.forge_ppm = (uint32_t)between(p, 1000, 300000);
        if (cfg.heal_at == ESTAB_NEVER)
            cfg.heal_at = ESTAB_SEC(60); /* and no other fault: even so all must end well */
        p->healed_at = cfg.heal_at > p->healed_at ? cfg.heal_at : p->healed_at;
    }
    while (chance(p, 30) && cfg.n_holds < SIM_HOLDS_MAX)
        plan_hold(p, &cfg);
    /* Two incarnations within a tick or two of the ISN's clock (4 us) are one to an old duplicate: the
     * last ACK of the first, which TIME-WAIT repeats, may be the third segment of the next. */
    if ((kind >= 3 || cfg.n_holds > 0) && cfg.delay < SHORTEST)
        cfg.delay = SHORTEST;
    leave_out(p, &cfg);
    if (p->bridge != NULL)
        return sim_world_plug(p->w, p->bridge, a, &cfg, smallest, v4, v6);
    cfg.ethernet = p->ethernet;
    if (p->ethernet)
        mtu[0] = mtu[1] = smallest;
    return sim_world_join(p->w, a, b, &cfg, mtu[0], mtu[1], v4, v6);
}

static bool
make_links(struct plan *p)
{
    if (p->ethernet && chance(p, 50)) {
        p->bridge = sim_world_add_switch(p->w);
        p->mtu = some_mtu(p);
        for (unsigned a = 0; a < p->n_hosts; a++)
            if (!make_link(p, p->w->hosts[a], NULL))
                return false;
        return true;
    }
    for (unsigned a = 0; a < p->n_hosts; a++)
        for (unsigned b = a + 1; b < p->n_hosts; b++)
            if (!make_link(p, p->w->hosts[a], p->w->hosts[b]))
                return false;
    return true;
}

/* ---- dialogues ---- */

static uint64_t
some_total(struct plan *p)
{
    if (chance(p, 10))
        return 0;
    return p->slow ? sim_prng_log(p->dice, 14) : sim_prng_log(p->dice, chance(p, 10) ? 19 : 16);
}

static struct sim_part
plan_part(struct plan *p)
{
    struct sim_part part = sim_part(some_total(p));

    part.chunk = (uint32_t)sim_prng_log(p->dice, 16);
    if (part.total / part.chunk > 1000)
        part.chunk = (uint32_t)(part.total / 1000 + 1);
    part.zero_copy = chance(p, 40);
    part.urgent = !part.zero_copy && chance(p, 10);
    part.early = chance(p, 10) || p->fast_open;
    if (chance(p, 20))
        part.read_chunk = (uint32_t)sim_prng_log(p->dice, 14);
    if (chance(p, 15))
        part.read_after = some_time(p, 25);
    part.ending = (enum sim_ending)(chance(p, 60) ? SIM_END_SHUTDOWN : between(p, 0, 3));
    part.abort_after = between(p, 0, part.total * 2);
    return part;
}

/* A slow reader needs at most a minute. */
static void
slow_down(struct plan *p, struct sim_part *part, uint64_t total)
{
    uint64_t reads = total / part->read_chunk + 1;

    if (!chance(p, 15))
        return;
    if (reads > 500) {
        part->read_chunk = (uint32_t)(total / 500 + 1);
        reads = 500;
    }
    part->read_gap = ESTAB_US(between(p, 1, 60000000 / reads));
}

static void
plan_options(struct plan *p, const struct estab_config *cfg, struct estab_tcp_options *o)
{
    *o = cfg->tcp;
    /* Who only listens learns that the other has gone by keepalive alone. */
    o->keepalive = true;
    o->keepalive_idle = ESTAB_MS(between(p, 1000, 60000));
    o->keepalive_interval = ESTAB_MS(between(p, 1000, 10000));
    o->keepalive_count = (uint32_t)between(p, 3, 9);
    o->keepalive_garbage = chance(p, 10);
    o->nodelay = chance(p, 40);
    o->fast_open = p->fast_open;
    if (chance(p, 10))
        o->user_timeout = ESTAB_MS(between(p, 10000, 300000));
    else if (o->user_timeout > ESTAB_SEC(1000))
        o->user_timeout = ESTAB_SEC(1000);
}

static bool
is_orderly(const struct sim_part *part)
{
    return part->ending == SIM_END_SHUTDOWN || part->ending == SIM_END_AFTER_PEER;
}

static void
plan_turns(struct plan *p, struct sim_dialogue *d)
{
    uint32_t rounds = (uint32_t)sim_prng_log(p->dice, p->slow ? 4 : 6);

    for (unsigned i = 0; i < 2; i++) {
        d->part[i].turn = (uint32_t)sim_prng_log(p->dice, 11);
        d->part[i].total = (uint64_t)rounds * d->part[i].turn;
    }
}

static bool
make_dialogue(struct plan *p, uint32_t number)
{
    uint32_t a = (uint32_t)between(p, 0, p->n_hosts - 1);
    uint32_t b = (a + (uint32_t)between(p, 1, p->n_hosts - 1)) % p->n_hosts;
    struct sim_host *const host[2] = { p->w->hosts[a], p->w->hosts[b] };
    enum estab_family family = chance(p, 50) ? ESTAB_INET6 : ESTAB_INET;
    struct sim_dialogue d = { .host = { a, b }, .port = { 0, SERVER_PORT } };

    for (unsigned i = 0; i < 2; i++) {
        d.addr[i] = sim_world_address(p->w, host[i], host[1 - i], family);
        if (estab_addr_is_any(&d.addr[i]))
            d.addr[i] = sim_world_address(p->w, host[i], host[1 - i],
                                          family == ESTAB_INET ? ESTAB_INET6 : ESTAB_INET);
        d.part[i] = plan_part(p);
        plan_options(p, &host[i]->cfg, &d.options[i]);
    }
    d.start_at = some_time(p, 24);
    if (chance(p, 25))
        plan_turns(p, &d);
    for (unsigned i = 0; i < 2; i++)
        slow_down(p, &d.part[i], d.part[1 - i].total);
    if (d.part[0].ending == SIM_END_AFTER_PEER && d.part[1].ending == SIM_END_AFTER_PEER)
        d.part[0].ending = SIM_END_SHUTDOWN;
    if (d.part[0].turn == 0 && d.part[0].ending == SIM_END_SHUTDOWN && chance(p, 15))
        d.part[1].after_peer = true; /* half-close */
    if (chance(p, 5)) {
        d.simultaneous = true;
        d.port[0] = (uint16_t)(2000 + number);
        d.port[1] = (uint16_t)(3000 + number);
    } else if (chance(p, 30)) {
        const struct sim_dialogue *last = &p->apps->dialogues[number > 0 ? number - 1 : 0];

        d.port[0] = (uint16_t)(p->strays ? 1000 + number : 1000);
        d.after = number; /* the port is free when the one before has ended, or is not yet */
        if (p->strays && number > 0 && last->port[0] >= 1000 && last->port[0] < 2000) {
            d.port[0] = last->port[0];
            d.start_at += STRAY_LIFE;
        }
    }
    d.expect_clean = !p->faulty && !p->slow && !p->tight && !d.simultaneous &&
                     is_orderly(&d.part[0]) && is_orderly(&d.part[1]) &&
                     d.options[0].user_timeout >= ESTAB_SEC(400) &&
                     d.options[1].user_timeout >= ESTAB_SEC(400) && d.port[0] == 0;
    sim_apps_add(p->apps, &d);
    return true;
}

static void
make_listeners(struct plan *p, const struct sim_swarm_options *options)
{
    for (unsigned i = 0; i < p->n_hosts; i++) {
        uint32_t backlog = chance(p, 80) ? 128 : (uint32_t)between(p, 1, 4);
        estab_time delay = chance(p, 15) ? some_time(p, 23) : 0;
        struct estab_tcp_options o;
        int err;

        plan_options(p, &p->w->hosts[i]->cfg, &o);
        p->tight |= backlog < 128 || delay > 0 || o.user_timeout < ESTAB_SEC(400);
        err = sim_apps_listen(p->apps, p->w->hosts[i], SERVER_PORT, backlog, delay, &o);
        if (err != 0 && !p->tight_memory && (options == NULL || !options->fail_allocation))
            sim_fail(p->w, "listen", "listen was refused", i, 0, (uint64_t) - (int64_t)err, 0);
    }
}

/* ---- running ---- */

bool
sim_swarm_finish(struct sim_world *w, struct sim_apps *apps, estab_time until, uint64_t max_events)
{
    for (;;) {
        enum sim_stop stop = sim_world_run(w, until, max_events);

        if (stop == SIM_STOP_FAILED)
            return false;
        if (stop != SIM_STOP_IDLE)
            break;
        if (sim_apps_settle(apps))
            continue;
        if (sim_apps_done(apps))
            return true;
        break;
    }
    for (uint32_t i = 0; i < 2 * apps->n_dialogues; i++) {
        const struct sim_actor *a = &apps->actors[i];

        if (a->phase != SIM_DONE) {
            sim_violated(w, SIM_RULE_ALL_END, apps->dialogues[i / 2].host[i % 2], a->conn, a->said,
                         a->heard);
            return false;
        }
    }
    sim_violated(w, SIM_RULE_ALL_END, 0, 0, 0, 0);
    return false;
}

static void
sum_up(struct plan *p, const struct sim_checks *checks, struct sim_result *result)
{
    result->failure = p->w->failure;
    result->hashed = p->w->hash_traces;
    result->hash = p->w->hash;
    result->events = p->w->events;
    result->records = p->w->records;
    result->checks = checks->evaluated;
    result->lasted = p->w->now;
    result->dialogues = p->apps->n_dialogues;
    result->attacks = p->attacker.replayed + p->attacker.forged + p->attacker.lied;
    result->completed = p->apps->completed;
    result->failed = p->apps->failed;
    for (uint32_t i = 0; i < 2 * p->apps->n_dialogues; i++)
        result->octets += p->apps->actors[i].heard;
    if (p->w->n_hosts > 0)
        result->allocations_failed += p->w->hosts[0]->alloc.failed;
    for (size_t i = 0; i < p->w->n_hosts; i++) {
        struct estab_stack_status s;

        estab_stack_status(p->w->hosts[i]->stack, &s);
        for (unsigned k = 0; k < ESTAB_VERDICT_COUNT; k++)
            result->verdicts[k] += s.verdicts[k];
        for (unsigned k = 0; k < ESTAB_REASON_COUNT; k++)
            result->reasons[k] += s.reasons[k];
    }
}

/* Now and then a host loses its memory, or the world ends in the middle of everything. */
static void
plan_disasters(struct plan *p)
{
    if (chance(p, 8)) {
        uint32_t host = (uint32_t)between(p, 0, p->n_hosts - 1);

        estab_time at = some_time(p, 25);

        if (!is_left_out(p, SIM_SWARM_REBOOT))
            sim_apps_reboot_at(p->apps, host, at);
        p->faulty = true;
    }
    if (chance(p, 5)) {
        p->cut_at = some_time(p, 25);
        if (is_left_out(p, SIM_SWARM_CUT))
            p->cut_at = 0;
        p->faulty = true;
    }
}

/* Everything is torn down as it stands; only that all memory comes back is checked. */
static void
end_in_the_middle(struct plan *p)
{
    enum estab_shutdown_how how = chance(p, 50) ? ESTAB_SHUTDOWN_RST : ESTAB_SHUTDOWN_FIN;

    sim_world_run(p->w, p->cut_at, EVENTS_MAX);
    if (sim_failed(p->w) || chance(p, 40))
        return;
    p->w->tenant = (struct sim_tenant){ .ctx = NULL }; /* their handles are void */
    for (size_t i = 0; i < p->w->n_hosts; i++) {
        estab_stack_shutdown(p->w->hosts[i]->stack, how, sim_host_now(p->w->hosts[i]));
        if (chance(p, 50))
            sim_world_pump(p->w, p->w->hosts[i]);
    }
    if (chance(p, 50))
        sim_world_run(p->w, p->w->now + some_time(p, 22), EVENTS_MAX);
}

/* In one world of five somebody means harm, by dice of his own. His old packets are no older than
 * what TCP trusts the network with, but they may stray like any other. */
static void
plan_attacker(struct plan *p)
{
    struct sim_attacker *a = &p->attacker;

    sim_prng_seed(&a->dice, sim_mix(p->w->seed, 0x61747463));
    if (sim_prng_below(&a->dice, 5) != 0)
        return;
    a->ppm = (uint32_t)sim_prng_between(&a->dice, 10000, 400000);
    a->until = ESTAB_SEC(sim_prng_between(&a->dice, 1, 120));
    a->replays = sim_prng_below(&a->dice, 2) != 0;
    a->forges = sim_prng_below(&a->dice, 2) != 0;
    a->lies = sim_prng_below(&a->dice, 2) != 0;
    for (size_t i = 0; i < p->w->n_joints; i++)
        a->replays = a->replays && p->w->joints[i].link.cfg.delay >= SHORTEST;
    p->strays |= a->replays;
    if (a->until > p->healed_at)
        p->healed_at = a->until;
    if (!is_left_out(p, SIM_SWARM_ATTACKER))
        p->w->attacker = a;
}

/* In one world of four no two clocks agree: by as much as quartzes do, or by far more. */
static void
plan_drift(struct plan *p)
{
    struct sim_prng dice;

    sim_prng_seed(&dice, sim_mix(p->w->seed, 0x636c6f63));
    if (sim_prng_below(&dice, 4) != 0)
        return;
    for (unsigned i = 0; i < p->n_hosts; i++) {
        int32_t most = sim_prng_below(&dice, 4) == 0 ? 20000 : 200;
        int32_t drift = (int32_t)sim_prng_between(&dice, 0, 2 * (uint64_t)most) - most;

        if (!is_left_out(p, SIM_SWARM_DRIFT))
            p->w->hosts[i]->drift_ppm = drift;
    }
}

static void
run_plan(struct plan *p, struct sim_checks *checks, const struct sim_swarm_options *options)
{
    uint32_t n = (uint32_t)between(p, 1, chance(p, 20) ? DIALOGUES_MAX : 3);
    estab_time until;

    plan_drift(p);
    plan_attacker(p);
    make_listeners(p, options);
    plan_disasters(p);
    if (options != NULL && options->fail_allocation)
        p->tight = p->tight_memory = true;
    if (options != NULL && options->max_dialogues > 0 && n > options->max_dialogues)
        n = options->max_dialogues;
    for (uint32_t i = 0; i < n; i++)
        make_dialogue(p, i);
    if (options != NULL && options->planned != NULL)
        options->planned(options->planned_ctx, p->w, p->apps);
    p->w->hash_traces = !p->tight_memory;
    /*
     * After the last fault: a retransmission within 2 min, R2 within 1000 s, a SYN's R2 of 3 min,
     * keepalive within 150 s, slow readers 1 min, TIME-WAIT up to 4 min twice (fixed ports wait
     * for it, up to 400 s for each dialogue), FIN-WAIT-2 1 min, and the transfers themselves.
     */
    until = p->healed_at + ESTAB_SEC(1000 + 3600) + (estab_time)n * ESTAB_SEC(1500);
    if (p->cut_at > 0)
        end_in_the_middle(p);
    else if (sim_swarm_finish(p->w, p->apps, until, EVENTS_MAX))
        sim_checks_end(checks);
}

void
sim_swarm_run(const struct estab_alloc *from, uint64_t seed,
              const struct sim_swarm_options *options, struct sim_result *result)
{
    struct sim_world w;
    struct sim_apps apps;
    struct sim_checks checks;
    struct sim_prng dice;
    struct plan p = { .w = &w,
                      .apps = &apps,
                      .dice = &dice,
                      .options = options,
                      .fast_open = sim_mix(seed, 0x7466) % 4 == 0,
                      .ethernet = sim_mix(seed, 0x6574) % 4 == 0 };

    memset(result, 0, sizeof *result);
    sim_prng_seed(&dice, sim_mix(seed, 0x7377));
    if (!sim_world_init(&w, from, seed, PACKET_MAX) || !sim_apps_init(&apps, &w, DIALOGUES_MAX)) {
        result->failure = (struct sim_failure){ .rule = "simulator", .text = "no memory" };
        return;
    }
    w.batch = (unsigned)between(&p, 1, SIM_BATCH_MAX);
    if (options != NULL) {
        w.sink = options->sink;
        w.sink_ctx = options->sink_ctx;
        w.made = options->made;
        w.made_ctx = options->made_ctx;
        memcpy(w.ignored, options->ignored, sizeof w.ignored);
    }
    result->built = make_hosts(&p, options, result) && make_links(&p);
    if (!sim_checks_init(&checks, &w, &apps))
        sim_fail(&w, "simulator", "no memory", 0, 0, 0, 0);
    if (result->built && !sim_failed(&w))
        run_plan(&p, &checks, options);
    else if (!p.tight_memory && !sim_failed(&w) && (options == NULL || !options->fail_allocation))
        sim_fail(&w, "build", "a host or a link could not be made", 0, 0, w.n_hosts, w.n_joints);
    sum_up(&p, &checks, result);
    sim_checks_fini(&checks);
    sim_apps_fini(&apps);
    sim_world_fini(&w);
    result->failure = w.failure;
    if (!result->hashed)
        result->hash = 0;
}
