/* SPDX-License-Identifier: MIT */
/* See apps.h. Every branch on an error code here is a promise of include/estab/tcp.h. */
#include "sim/apps.h"

#include "sim/packet.h"

#include <stdalign.h>
#include <string.h>

#define ROOM 65536
#define LISTENER_TOKEN 0x80000000u
#define REBOOT_TOKEN 0x40000000u
#define CONNECT_TRIES_MAX 400 /* of EADDRINUSE while the last incarnation is in TIME-WAIT */

static void run_actor(struct sim_actor *a);

static struct sim_dialogue *
dialogue_of(const struct sim_actor *a)
{
    return &a->apps->dialogues[a->number / 2];
}

static const struct sim_part *
part_of(const struct sim_actor *a)
{
    return &dialogue_of(a)->part[a->number % 2];
}

static struct sim_actor *
peer_of(const struct sim_actor *a)
{
    return &a->apps->actors[a->number ^ 1];
}

static uint32_t
host_number(const struct sim_actor *a)
{
    return dialogue_of(a)->host[a->number % 2];
}

static struct estab_stack *
stack_of(const struct sim_actor *a)
{
    return a->apps->world->hosts[host_number(a)]->stack;
}

static estab_time
now_of(const struct sim_actor *a)
{
    return sim_host_now(a->apps->world->hosts[host_number(a)]);
}

/* The stream an actor sends; what it hears is the stream of its peer. */
static uint64_t
stream_of(const struct sim_actor *a)
{
    return sim_mix(a->apps->world->seed, a->number);
}

static void
fail(const struct sim_actor *a, const char *rule, const char *text, uint64_t x, uint64_t y)
{
    sim_fail(a->apps->world, rule, text, host_number(a), a->conn, x, y);
}

/* ---- the end of an actor ---- */

static void
close_listeners(struct sim_apps *apps)
{
    struct sim_world *w = apps->world;

    apps->shut = true;
    for (unsigned i = 0; i < apps->n_listeners; i++) {
        struct sim_listener *l = &apps->listeners[i];

        if (!l->open)
            continue;
        l->open = false;
        if (estab_close(w->hosts[l->host]->stack, l->conn, sim_host_now(w->hosts[l->host])) != 0)
            sim_fail(w, "close-listener", "a listener refuses to be closed", l->host, l->conn, 0,
                     0);
    }
}

static void
end_actor(struct sim_actor *a, int error)
{
    struct sim_apps *apps = a->apps;
    const struct sim_dialogue *d = dialogue_of(a);

    if (a->phase == SIM_DONE)
        return;
    if (error != 0 && d->expect_clean)
        fail(a, "clean-dialogue", "a connection failed and nothing can justify it",
             (uint64_t) - (int64_t)error, a->heard);
    a->phase = SIM_DONE;
    a->error = error;
    a->done_at = apps->world->now;
    apps->done++;
    if (error == 0)
        apps->completed++;
    else
        apps->failed++;
    /* Who opens and fails before anybody answers has ended the answering side's part too. */
    if (a->number % 2 == 0 && peer_of(a)->phase == SIM_PLANNED && error != 0 && !a->connected)
        end_actor(peer_of(a), error);
    if (peer_of(a)->phase == SIM_DONE)
        for (uint32_t i = 0; i < apps->n_dialogues; i++)
            if (apps->dialogues[i].after == a->number / 2 + 1) {
                sim_world_wake(apps->world, apps->world->now + apps->dialogues[i].start_at, 2 * i);
                if (apps->dialogues[i].simultaneous)
                    sim_world_wake(apps->world, apps->world->now + apps->dialogues[i].start_at,
                                   2 * i + 1);
            }
}

/* Gives the handle back and ends. */
static void
hang_up(struct sim_actor *a, int error)
{
    if (estab_close(stack_of(a), a->conn, now_of(a)) != 0)
        fail(a, "close-handle", "a valid handle could not be given back", 0, 0);
    end_actor(a, error);
}

/* A call was refused with `err`: the connection is over, and status says the same, or memory is
 * short and we are not willing to wait for more. */
static void
give_up(struct sim_actor *a, int err)
{
    struct estab_status st;

    if (estab_status(stack_of(a), a->conn, &st) != 0) {
        fail(a, "status-of-handle", "a handle not given back has no status", 0, 0);
    } else if (err == -ESTAB_ENOMEM && st.error == 0) {
        if (estab_abort(stack_of(a), a->conn, now_of(a)) != 0)
            fail(a, "abort", "a valid handle could not be aborted", 0, 0);
        end_actor(a, err);
    } else if (st.error != err) {
        fail(a, "error-agrees", "a call and the status tell different errors",
             (uint64_t) - (int64_t)err, (uint64_t) - (int64_t)st.error);
    } else {
        hang_up(a, err);
    }
}

/* ---- hearing ---- */

static bool
hear(struct sim_actor *a, const uint8_t *data, size_t n)
{
    size_t good = sim_stream_match(stream_of(peer_of(a)), a->heard, data, n);

    if (good != n) {
        fail(a, "stream-prefix", "what was received is not what was sent", a->heard + good, n);
        return false;
    }
    a->heard += n;
    if (a->heard > peer_of(a)->said) {
        fail(a, "stream-prefix", "more was received than was sent", a->heard, peer_of(a)->said);
        return false;
    }
    return true;
}

static void
hear_end(struct sim_actor *a)
{
    const struct sim_actor *peer = peer_of(a);

    a->heard_all = true;
    if (!peer->said_all)
        fail(a, "stream-complete", "an end was received that was not sent", a->heard, peer->said);
    else if (a->heard != peer->said)
        fail(a, "stream-complete", "the stream ended before all was received", a->heard,
             peer->said);
}

static ptrdiff_t
receive_zero_copy(struct sim_actor *a, size_t max)
{
    struct estab_span spans[2] = { { NULL, 0 }, { NULL, 0 } };
    ptrdiff_t n = estab_peek(stack_of(a), a->conn, spans);
    size_t total = 0;

    if (n <= 0)
        return n;
    if ((size_t)n != spans[0].len + spans[1].len)
        fail(a, "peek-count", "peek tells another number than its spans", (uint64_t)n,
             spans[0].len + spans[1].len);
    for (unsigned i = 0; i < 2 && total < max; i++) {
        size_t len = spans[i].len < max - total ? spans[i].len : max - total;

        if (!hear(a, spans[i].data, len))
            return -ESTAB_EAGAIN;
        total += len;
    }
    if (estab_consume(stack_of(a), a->conn, total, now_of(a)) != 0)
        fail(a, "consume", "what was lent could not be consumed", total, (uint64_t)n);
    return (ptrdiff_t)total;
}

static ptrdiff_t
receive_copy(struct sim_actor *a, size_t max)
{
    size_t len = max < ROOM ? max : ROOM;
    ptrdiff_t n = estab_receive(stack_of(a), a->conn, a->apps->room, len, now_of(a));

    if (n > 0 && (size_t)n > len)
        fail(a, "receive-count", "more was received than there was room", (uint64_t)n, len);
    else if (n > 0 && !hear(a, a->apps->room, (size_t)n))
        return -ESTAB_EAGAIN;
    return n;
}

static bool
wants_abort(const struct sim_actor *a)
{
    const struct sim_part *part = part_of(a);

    return part->ending == SIM_END_ABORT && a->said + a->heard >= part->abort_after;
}

static void
wake_later(struct sim_actor *a, estab_time delay)
{
    a->reads_late = true;
    sim_world_wake(a->apps->world, a->apps->world->now + delay, a->number);
}

/* True: something was heard. */
static bool
read_some(struct sim_actor *a)
{
    const struct sim_part *part = part_of(a);
    bool progress = false;

    if (a->phase != SIM_OPEN || a->heard_all || a->reads_late)
        return false;
    if (a->apps->world->now < a->opened_at + part->read_after) {
        wake_later(a, a->opened_at + part->read_after - a->apps->world->now);
        return false;
    }
    while (!sim_failed(a->apps->world)) {
        ptrdiff_t n = part->zero_copy ? receive_zero_copy(a, part->read_chunk)
                                      : receive_copy(a, part->read_chunk);

        if (n == -ESTAB_EAGAIN)
            return progress;
        if (n < 0) {
            give_up(a, (int)n);
            return false;
        }
        progress = true;
        if (n == 0) {
            hear_end(a);
            return true;
        }
        if (wants_abort(a))
            return true;
        if (part->read_gap > 0) {
            wake_later(a, part->read_gap);
            return true;
        }
    }
    return false;
}

/* ---- saying ---- */

/* How much may be said by now. */
static uint64_t
may_say(const struct sim_actor *a)
{
    const struct sim_part *part = part_of(a), *other = part_of(peer_of(a));
    uint64_t rounds, allowed;

    if (part->after_peer && !a->heard_all)
        return 0;
    if (part->turn == 0 || other->turn == 0)
        return part->total;
    rounds = a->heard / other->turn;
    if (a->number % 2 == 0)
        rounds++;
    allowed = rounds * part->turn;
    return allowed < part->total ? allowed : part->total;
}

static ptrdiff_t
send_zero_copy(struct sim_actor *a, size_t want)
{
    struct estab_span spans[2] = { { NULL, 0 }, { NULL, 0 } };
    ptrdiff_t n = estab_reserve(stack_of(a), a->conn, want, spans);
    size_t total = 0;
    int err;

    if (n <= 0)
        return n == 0 ? -ESTAB_EAGAIN : n;
    for (unsigned i = 0; i < 2 && total < want; i++) {
        size_t len = spans[i].len < want - total ? spans[i].len : want - total;

        sim_stream_fill(stream_of(a), a->said + total, spans[i].data, len);
        total += len;
    }
    if (total == 0)
        fail(a, "reserve-count", "a reservation without room was not refused", want, 0);
    err = estab_commit(stack_of(a), a->conn, total, now_of(a));
    if (err != 0) {
        fail(a, "commit", "what was reserved could not be committed", total,
             (uint64_t) - (int64_t)err);
        return err;
    }
    return (ptrdiff_t)total;
}

static ptrdiff_t
send_copy(struct sim_actor *a, size_t want)
{
    estab_time now = now_of(a);
    uint8_t *room = a->apps->room;

    if (want > ROOM)
        want = ROOM;
    sim_stream_fill(stream_of(a), a->said, room, want);
    if (part_of(a)->urgent && (a->said ^ a->number) % 7 == 0)
        return estab_send_urgent(stack_of(a), a->conn, room, want, now);
    return estab_send(stack_of(a), a->conn, room, want, now);
}

static bool
write_some(struct sim_actor *a)
{
    const struct sim_part *part = part_of(a);
    bool progress = false;

    if (a->phase == SIM_OPENING && !part->early)
        return false;
    while (!a->said_all && a->said < may_say(a) && !sim_failed(a->apps->world)) {
        uint64_t left = may_say(a) - a->said;
        size_t want = left < part->chunk ? (size_t)left : part->chunk;
        ptrdiff_t n = part->zero_copy ? send_zero_copy(a, want) : send_copy(a, want);

        if (n == -ESTAB_EAGAIN)
            return progress;
        if (n < 0) {
            give_up(a, (int)n);
            return false;
        }
        if (n == 0 || (size_t)n > want) {
            fail(a, "send-count", "a call that sends took nothing or too much", (uint64_t)n, want);
            return false;
        }
        a->said += (uint64_t)n;
        progress = true;
        if (wants_abort(a))
            return true;
    }
    return progress;
}

/* ---- ending ---- */

static void
end_if_due(struct sim_actor *a)
{
    const struct sim_part *part = part_of(a);
    estab_time now = now_of(a);
    bool all = a->said == part->total && (!part->after_peer || a->heard_all);
    int err;

    if (a->phase == SIM_DONE || a->phase == SIM_PLANNED || sim_failed(a->apps->world))
        return;
    if (wants_abort(a)) {
        if (estab_abort(stack_of(a), a->conn, now) != 0)
            fail(a, "abort", "a valid handle could not be aborted", 0, 0);
        end_actor(a, 0);
        return;
    }
    if (a->phase == SIM_OPENING)
        return; /* CLOSE in SYN-SENT would delete the connection (RFC 9293 §3.10.4) */
    if (all && part->ending == SIM_END_CLOSE_EARLY && !a->said_all) {
        a->said_all = true;
        hang_up(a, 0);
        return;
    }
    if (all && a->heard_all) {
        a->said_all = true;
        hang_up(a, 0);
        return;
    }
    if (all && !a->said_all &&
        (part->ending == SIM_END_SHUTDOWN || (part->ending == SIM_END_ABORT))) {
        a->said_all = true;
        err = estab_shutdown(stack_of(a), a->conn, now);
        if (err != 0)
            give_up(a, err);
    }
}

static void
run_actor(struct sim_actor *a)
{
    bool progress = true;

    while (progress && (a->phase == SIM_OPEN || a->phase == SIM_OPENING) &&
           !sim_failed(a->apps->world)) {
        progress = read_some(a);
        if (a->phase == SIM_DONE || wants_abort(a))
            break;
        progress |= write_some(a);
        if (a->phase == SIM_DONE || wants_abort(a))
            break;
    }
    end_if_due(a);
}

/* ---- beginning ---- */

/* The names under which the world knows the connection. */
static bool
learn_names(struct sim_actor *a)
{
    struct estab_status st;

    if (estab_status(stack_of(a), a->conn, &st) != 0) {
        fail(a, "status-of-handle", "a new handle has no status", 0, 0);
        return false;
    }
    a->local = st.local;
    a->remote = st.remote;
    a->iss = st.tcb.iss;
    a->irs = st.tcb.irs;
    a->born = ++a->apps->births;
    if (estab_set_cookie(stack_of(a), a->conn, a) != 0)
        fail(a, "set-cookie", "a new handle takes no cookie", 0, 0);
    return true;
}

static void
open_actor(struct sim_actor *a)
{
    const struct sim_dialogue *d = dialogue_of(a);
    unsigned side = a->number % 2;
    struct sim_world *w = a->apps->world;
    struct estab_endpoint local = { d->addr[side], d->port[side] };
    struct estab_endpoint remote = { d->addr[1 - side], d->port[1 - side] };
    int err = estab_connect(stack_of(a), &local, &remote, &d->options[side], &a->conn, now_of(a));

    if (err == -ESTAB_EADDRINUSE && d->port[side] != 0 && ++a->tries < CONNECT_TRIES_MAX) {
        sim_world_wake(w, w->now + ESTAB_SEC(1), a->number);
        return;
    }
    if (err != 0) {
        end_actor(a, err);
        return;
    }
    a->phase = SIM_OPENING;
    if (learn_names(a))
        run_actor(a);
    sim_world_pump(w, w->hosts[host_number(a)]);
}

/* Who has opened the connection that a listener gave out? Found by names and ISN, so that an old
 * duplicate SYN that makes a connection is noticed. */
static struct sim_actor *
find_answering(struct sim_apps *apps, uint32_t host, const struct estab_status *st)
{
    struct sim_actor *found = NULL;
    uint64_t latest = 0;

    for (uint32_t i = 0; i < apps->n_dialogues; i++) {
        struct sim_actor *opener = &apps->actors[2 * i], *answerer = opener + 1;

        if (opener->born > latest && apps->dialogues[i].host[1] == host &&
            !apps->dialogues[i].simultaneous && opener->iss == st->tcb.irs &&
            sim_endpoint_equal(&opener->local, &st->remote) &&
            sim_endpoint_equal(&opener->remote, &st->local)) {
            latest = opener->born;
            found = answerer;
        }
    }
    return found;
}

static bool
sends_cookies(const struct sim_host *host)
{
    struct estab_stack_status st;

    estab_stack_status(host->stack, &st);
    return st.reasons[ESTAB_WHY_SYN_COOKIE] > 0;
}

static void
accept_all(struct sim_apps *apps, struct sim_listener *l)
{
    struct sim_world *w = apps->world;
    struct sim_host *host = w->hosts[l->host];

    while (l->open && !sim_failed(w)) {
        struct estab_status st;
        struct sim_actor *a;
        estab_conn conn = 0;
        int err = estab_accept(host->stack, l->conn, &conn, sim_host_now(host));

        if (err == -ESTAB_EAGAIN)
            return;
        if (err != 0) {
            sim_fail(w, "accept", "accept was refused", l->host, l->conn, (uint64_t) - (int64_t)err,
                     0);
            return;
        }
        if (estab_status(host->stack, conn, &st) != 0) {
            sim_fail(w, "status-of-handle", "an accepted handle has no status", l->host, conn, 0,
                     0);
            return;
        }
        a = find_answering(apps, l->host, &st);
        if (a != NULL && a->phase != SIM_PLANNED && a->conn != 0 &&
            (sends_cookies(host) || l->options.fast_open)) {
            /* A SYN cookie keeps nothing, so an old segment with it can open again what the
             * answerer has aborted; so can an old SYN with a Fast Open cookie (RFC 7413 §2.1). */
            if (estab_abort(host->stack, conn, sim_host_now(host)) != 0)
                fail(a, "close-handle", "an accepted handle could not be given back", 0, 0);
            continue;
        }
        if (a == NULL || (a->phase != SIM_PLANNED && a->conn != 0)) {
            sim_fail(w, "accept-genuine", "a connection that nobody has opened, or twice", l->host,
                     conn, st.tcb.irs, a != NULL);
            return;
        }
        a->conn = conn;
        if (a->phase == SIM_DONE) { /* the opener gave up before it knew that it was open */
            if (estab_close(host->stack, conn, sim_host_now(host)) != 0)
                fail(a, "close-handle", "an accepted handle could not be given back", 0, 0);
            continue;
        }
        a->phase = SIM_OPEN;
        a->connected = true;
        a->opened_at = w->now;
        if (learn_names(a))
            run_actor(a);
    }
}

static void
on_listener(struct sim_apps *apps, struct sim_listener *l, bool delayed)
{
    struct sim_world *w = apps->world;

    if (l->accept_delay > 0 && !delayed) {
        if (!l->waiting)
            sim_world_wake(w, w->now + l->accept_delay,
                           LISTENER_TOKEN + (uint32_t)(l - apps->listeners));
        l->waiting = true;
        return;
    }
    l->waiting = false;
    accept_all(apps, l);
}

/* ---- what the world says ---- */

static void
finish(struct sim_apps *apps)
{
    if (sim_apps_done(apps) && !apps->shut) {
        close_listeners(apps);
        for (size_t i = 0; i < apps->world->n_hosts; i++)
            sim_world_pump(apps->world, apps->world->hosts[i]);
    }
}

static void
on_event(void *ctx, struct sim_host *host, const struct estab_event *event)
{
    struct sim_apps *apps = ctx;
    struct sim_actor *a = event->cookie;

    for (unsigned i = 0; i < apps->n_listeners; i++)
        if (apps->listeners[i].host == host->number && apps->listeners[i].conn == event->conn) {
            on_listener(apps, &apps->listeners[i], false);
            finish(apps);
            return;
        }
    if (a == NULL || a->phase == SIM_DONE || a->conn != event->conn)
        return; /* the handle was given back in this very batch */
    if ((event->bits & ESTAB_CONNECTED) != 0) {
        if (a->connected)
            fail(a, "connected-once", "a connection was opened twice", event->bits, 0);
        a->connected = true;
        a->phase = SIM_OPEN;
        a->opened_at = apps->world->now;
    }
    if ((event->bits & ESTAB_FAILED) != 0 && !a->connected) {
        struct estab_status st;

        if (estab_status(host->stack, a->conn, &st) != 0 || st.error == 0)
            fail(a, "failure-explained", "a connection failed and its status tells no error",
                 event->bits, 0);
        else
            hang_up(a, st.error);
    }
    run_actor(a);
    finish(apps);
}

static int
listen_now(struct sim_apps *apps, struct sim_listener *l)
{
    struct estab_endpoint any = { .port = l->port };
    const struct sim_host *host = apps->world->hosts[l->host];
    int err = estab_listen(host->stack, &any, l->backlog, l->has_options ? &l->options : NULL,
                           &l->conn, sim_host_now(host));

    l->open = err == 0;
    return err;
}

static void
reboot(struct sim_apps *apps, uint32_t host)
{
    struct sim_world *w = apps->world;

    sim_world_reboot(w, w->hosts[host]);
    for (uint32_t i = 0; i < 2 * apps->n_dialogues && !sim_failed(w); i++) {
        struct sim_actor *a = &apps->actors[i];

        if (host_number(a) == host && (a->phase == SIM_OPENING || a->phase == SIM_OPEN))
            end_actor(a, -ESTAB_ECONNABORTED);
    }
    for (unsigned i = 0; i < apps->n_listeners && !sim_failed(w); i++)
        if (apps->listeners[i].host == host && apps->listeners[i].open)
            (void)!listen_now(apps, &apps->listeners[i]);
    if (!sim_failed(w))
        sim_world_pump(w, w->hosts[host]);
}

static void
on_timer(void *ctx, uint32_t token)
{
    struct sim_apps *apps = ctx;
    struct sim_world *w = apps->world;

    if (token >= LISTENER_TOKEN) {
        struct sim_listener *l = &apps->listeners[token - LISTENER_TOKEN];

        on_listener(apps, l, true);
        sim_world_pump(w, w->hosts[l->host]);
    } else if (token >= REBOOT_TOKEN) {
        reboot(apps, token - REBOOT_TOKEN);
    } else {
        struct sim_actor *a = &apps->actors[token];

        if (a->phase == SIM_PLANNED) {
            open_actor(a);
        } else {
            a->reads_late = false;
            run_actor(a);
            sim_world_pump(w, w->hosts[host_number(a)]);
        }
    }
    finish(apps);
}

/* ---- setting up ---- */

bool
sim_apps_init(struct sim_apps *apps, struct sim_world *w, uint32_t max_dialogues)
{
    const struct estab_alloc *from = &w->from;

    memset(apps, 0, sizeof *apps);
    apps->world = w;
    apps->cap_dialogues = max_dialogues;
    apps->dialogues =
        from->get(from->ctx, max_dialogues * sizeof *apps->dialogues, alignof(max_align_t));
    apps->actors =
        from->get(from->ctx, 2 * max_dialogues * sizeof *apps->actors, alignof(max_align_t));
    apps->room = from->get(from->ctx, ROOM, 8);
    w->tenant = (struct sim_tenant){ .ctx = apps, .event = on_event, .timer = on_timer };
    return apps->dialogues != NULL && apps->actors != NULL && apps->room != NULL;
}

void
sim_apps_fini(struct sim_apps *apps)
{
    const struct estab_alloc *from = &apps->world->from;

    if (apps->dialogues != NULL)
        from->put(from->ctx, apps->dialogues, apps->cap_dialogues * sizeof *apps->dialogues);
    if (apps->actors != NULL)
        from->put(from->ctx, apps->actors, 2 * apps->cap_dialogues * sizeof *apps->actors);
    if (apps->room != NULL)
        from->put(from->ctx, apps->room, ROOM);
    apps->world->tenant = (struct sim_tenant){ 0 };
}

struct sim_part
sim_part(uint64_t total)
{
    return (struct sim_part){ .total = total, .chunk = ROOM, .read_chunk = ROOM };
}

int
sim_apps_listen(struct sim_apps *apps, struct sim_host *host, uint16_t port, uint32_t backlog,
                estab_time accept_delay, const struct estab_tcp_options *options)
{
    struct sim_listener *l = &apps->listeners[apps->n_listeners];
    int err;

    if (apps->n_listeners == SIM_LISTENERS_MAX)
        return -ESTAB_ENOBUFS;
    *l = (struct sim_listener){
        .host = host->number, .backlog = backlog, .accept_delay = accept_delay, .port = port
    };
    if (options != NULL) {
        l->options = *options;
        l->has_options = true;
    }
    err = listen_now(apps, l);
    if (err == 0)
        apps->n_listeners++;
    return err;
}

void
sim_apps_reboot_at(struct sim_apps *apps, uint32_t host, estab_time at)
{
    sim_world_wake(apps->world, at, REBOOT_TOKEN + host);
}

uint32_t
sim_apps_add(struct sim_apps *apps, const struct sim_dialogue *d)
{
    uint32_t number = apps->n_dialogues++;

    apps->dialogues[number] = *d;
    for (uint32_t side = 0; side < 2; side++)
        apps->actors[2 * number + side] =
            (struct sim_actor){ .apps = apps, .number = 2 * number + side };
    if (d->after == 0) {
        sim_world_wake(apps->world, d->start_at, 2 * number);
        if (d->simultaneous)
            sim_world_wake(apps->world, d->start_at, 2 * number + 1);
    }
    return number;
}

bool
sim_apps_settle(struct sim_apps *apps)
{
    bool progress = false;

    for (uint32_t i = 0; i < apps->n_dialogues; i++) {
        struct sim_actor *opener = &apps->actors[2 * i], *answerer = opener + 1;

        if (opener->phase != SIM_DONE || answerer->phase != SIM_PLANNED)
            continue;
        end_actor(answerer, -ESTAB_ETIMEDOUT);
        progress = true;
    }
    finish(apps);
    return progress;
}

bool
sim_apps_done(const struct sim_apps *apps)
{
    return apps->done == 2 * apps->n_dialogues;
}

bool
sim_apps_stream(const struct sim_apps *apps, uint32_t host, const struct estab_endpoint *local,
                const struct estab_endpoint *remote, uint32_t iss, uint64_t *stream,
                const struct sim_actor **actor)
{
    uint64_t latest = 0;

    for (uint32_t i = 0; i < 2 * apps->n_dialogues; i++) {
        const struct sim_actor *a = &apps->actors[i];

        if (a->born > latest && host_number(a) == host && a->iss == iss &&
            sim_endpoint_equal(&a->local, local) && sim_endpoint_equal(&a->remote, remote)) {
            *stream = stream_of(a);
            *actor = a;
            latest = a->born;
        }
    }
    return latest > 0;
}
