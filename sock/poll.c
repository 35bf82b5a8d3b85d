/* SPDX-License-Identifier: MIT */
/*
 * Readiness: what poll(2) reports of a socket, and interest lists as epoll(7) has them. A list
 * keeps its ready items in the order in which they became so; a level-triggered one goes to the
 * back when it has been told and is looked at again.
 */
#include "sock/internal.h"

#include <stdlib.h>
#include <sys/epoll.h>

/* Linux: at least a third of the buffer is free. */
static bool
has_room(struct estab_sock *s)
{
    uint32_t limit = s->status.send_limit, queued = s->status.tcb.send_queued;

    return queued < limit && limit - queued >= queued / 2;
}

static void
watch_room(struct estab_sock *s)
{
    if (s->watches_room)
        return;
    s->watches_room = true;
    s->host->watching++;
}

static bool
has_text(const struct estab_sock *s)
{
    uint32_t queued = s->status.tcb.receive_queued, target = (uint32_t)s->rcvlowat;

    /* the urgent octet alone, next in line, is nothing to read */
    if (!s->oob_inline && s->oob != OOB_NONE && s->oob_end == s->consumed + 1)
        target++;
    return queued >= target;
}

static uint32_t
listener_mask(struct estab_sock *s)
{
    struct estab_status st;

    if (estab_status(s->host->stack, s->listener->conn, &st) < 0 || st.waiting == 0)
        return 0;
    return POLLIN | POLLRDNORM;
}

uint32_t
estab_sock_poll(struct estab_sock *s, estab_time now)
{
    enum linux_state state;
    uint32_t mask = 0;

    estab_sock_look(s, now);
    if (s->listener != NULL)
        return listener_mask(s);
    state = estab_sock_state(s);
    if (state == LINUX_CLOSE || (s->rcv_shut && s->snd_shut))
        mask |= POLLHUP;
    if (s->rcv_shut)
        mask |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (!estab_sock_is_opening(s)) {
        if (s->conn != 0 && has_text(s))
            mask |= POLLIN | POLLRDNORM;
        if (s->snd_shut || s->conn == 0 || has_room(s))
            mask |= POLLOUT | POLLWRNORM;
        else
            watch_room(s);
        if (s->oob == OOB_HERE)
            mask |= POLLPRI;
    }
    if (s->error != 0)
        mask |= POLLERR;
    return mask;
}

/* ---- epoll ---- */

struct epoll_item {
    struct estab_epoll *ep;
    struct estab_sock *sock;
    struct epoll_item *next_of_sock;
    struct epoll_item *next, *prev; /* of the list */
    struct epoll_item *next_ready, *prev_ready;
    uint32_t events;
    uint64_t data;
    int key;
    bool ready;
};

struct estab_epoll {
    struct estab_sock_host *host;
    struct epoll_item *items;
    struct epoll_item *first_ready, *last_ready;
};

#define ALWAYS (EPOLLERR | EPOLLHUP)
#define PRIVATE (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)

struct estab_epoll *
estab_epoll_new(struct estab_sock_host *host)
{
    struct estab_epoll *ep = calloc(1, sizeof(*ep));

    if (ep != NULL)
        ep->host = host;
    return ep;
}

static void
make_ready(struct epoll_item *i)
{
    struct estab_epoll *ep = i->ep;

    if (i->ready)
        return;
    i->ready = true;
    i->next_ready = NULL;
    i->prev_ready = ep->last_ready;
    if (ep->last_ready != NULL)
        ep->last_ready->next_ready = i;
    else
        ep->first_ready = i;
    ep->last_ready = i;
}

static void
make_unready(struct epoll_item *i)
{
    struct estab_epoll *ep = i->ep;

    if (!i->ready)
        return;
    i->ready = false;
    if (i->prev_ready != NULL)
        i->prev_ready->next_ready = i->next_ready;
    else
        ep->first_ready = i->next_ready;
    if (i->next_ready != NULL)
        i->next_ready->prev_ready = i->prev_ready;
    else
        ep->last_ready = i->prev_ready;
}

static void
remove_item(struct epoll_item *i)
{
    struct epoll_item **at;

    make_unready(i);
    for (at = &i->sock->items; *at != i; at = &(*at)->next_of_sock)
        ;
    *at = i->next_of_sock;
    if (i->prev != NULL)
        i->prev->next = i->next;
    else
        i->ep->items = i->next;
    if (i->next != NULL)
        i->next->prev = i->prev;
    free(i);
}

void
estab_epoll_free(struct estab_epoll *ep)
{
    if (ep == NULL)
        return;
    while (ep->items != NULL)
        remove_item(ep->items);
    free(ep);
}

static struct epoll_item *
find_item(const struct estab_epoll *ep, const struct estab_sock *s, int key)
{
    struct epoll_item *i;

    for (i = s->items; i != NULL; i = i->next_of_sock)
        if (i->ep == ep && i->key == key)
            return i;
    return NULL;
}

/* What the item would tell now. A one-shot item that has been told has no events left. */
static uint32_t
told(struct epoll_item *i, estab_time now)
{
    if ((i->events & ~(uint32_t)PRIVATE) == 0)
        return 0;
    return estab_sock_poll(i->sock, now) & ((i->events & ~(uint32_t)PRIVATE) | ALWAYS);
}

int
estab_epoll_add(struct estab_epoll *ep, struct estab_sock *s, int key, uint32_t events,
                uint64_t data, estab_time now)
{
    struct epoll_item *i;

    if (find_item(ep, s, key) != NULL)
        return -EEXIST;
    i = calloc(1, sizeof(*i));
    if (i == NULL)
        return -ENOMEM;
    i->ep = ep;
    i->sock = s;
    i->key = key;
    i->events = events | ALWAYS;
    i->data = data;
    i->next_of_sock = s->items;
    s->items = i;
    i->next = ep->items;
    if (ep->items != NULL)
        ep->items->prev = i;
    ep->items = i;
    if (told(i, now) != 0)
        make_ready(i);
    return 0;
}

int
estab_epoll_mod(struct estab_epoll *ep, struct estab_sock *s, int key, uint32_t events,
                uint64_t data, estab_time now)
{
    struct epoll_item *i = find_item(ep, s, key);

    if (i == NULL)
        return -ENOENT;
    if (events & EPOLLEXCLUSIVE || i->events & EPOLLEXCLUSIVE)
        return -EINVAL;
    i->events = events | ALWAYS;
    i->data = data;
    if (told(i, now) != 0)
        make_ready(i);
    return 0;
}

int
estab_epoll_del(struct estab_epoll *ep, struct estab_sock *s, int key)
{
    struct epoll_item *i = find_item(ep, s, key);

    if (i == NULL)
        return -ENOENT;
    remove_item(i);
    return 0;
}

/* Something has happened to the socket: its items are ready for a look, edge-triggered ones too. */
void
estab_epoll_wake(struct estab_sock *s, uint32_t bits)
{
    struct epoll_item *i;
    uint32_t mask = 0;

    if (bits == 0)
        return;
    if (bits & (ESTAB_READABLE | ESTAB_ACCEPTABLE | ESTAB_URGENT))
        mask |= EPOLLIN | EPOLLRDNORM | EPOLLPRI | EPOLLRDHUP;
    if (bits & ESTAB_WRITABLE)
        mask |= EPOLLOUT | EPOLLWRNORM;
    /* a change of state concerns everybody */
    if (bits & (ESTAB_CONNECTED | ESTAB_PEER_CLOSED | ESTAB_CLOSED | ESTAB_FAILED))
        mask = UINT32_MAX;
    for (i = s->items; i != NULL; i = i->next_of_sock)
        if ((i->events & ~(uint32_t)PRIVATE & mask) != 0)
            make_ready(i);
}

void
estab_epoll_forget(struct estab_sock *s)
{
    while (s->items != NULL)
        remove_item(s->items);
}

int
estab_epoll_take(struct estab_epoll *ep, struct estab_epoll_event *events, int n, estab_time now)
{
    struct epoll_item *i, *last, *next;
    int taken = 0;

    estab_sock_host_run(ep->host, now);
    last = ep->last_ready;

    /* Once around: what is put back comes behind `last`. */
    for (i = ep->first_ready; i != NULL && taken < n; i = next) {
        uint32_t mask;
        bool end = i == last;

        next = end ? NULL : i->next_ready;
        make_unready(i);
        mask = told(i, now);
        if (mask == 0)
            continue;
        events[taken].events = mask;
        events[taken++].data = i->data;
        if (i->events & EPOLLONESHOT)
            i->events &= PRIVATE;
        else if (!(i->events & EPOLLET))
            make_ready(i);
    }
    return taken;
}

bool
estab_epoll_ready(struct estab_epoll *ep, estab_time now)
{
    struct epoll_item *i, *next;

    estab_sock_host_run(ep->host, now);
    for (i = ep->first_ready; i != NULL; i = next) {
        next = i->next_ready;
        if (told(i, now) != 0)
            return true;
        make_unready(i);
    }
    return false;
}
