/* SPDX-License-Identifier: MIT */
/* Names; see dial.h. */
#include "cli/dial.h"
#include "cli/resolv.h"
#include "drivers/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void go_on(struct dial *dial, estab_time now);

/* --- configuration --- */

static int
read_hosts(struct dial *dial, const char *path, struct estab_resolver_config *cfg,
           struct failure *why)
{
    char *text = estab_read_text(path != NULL ? path : "/etc/hosts", why);
    int result;

    if (text == NULL)
        return path != NULL ? -1 : 0; /* nobody has asked for that one */
    result = estab_hosts_parse(&dial->hosts, &cfg->n_hosts, text);
    free(text);
    if (result < 0)
        return estab_fail(why, "out of memory");
    cfg->hosts = dial->hosts;
    return 0;
}

/* RFC 8106 §5.3.1: what DHCP says first, then what routers say; where neither has said anything,
 * resolv.conf. --dns is the user's word. */
static void
take_what_the_link_gives(const struct host *host, const struct options *options,
                         struct estab_resolver_config *cfg)
{
    const struct estab_lease *lease = host->leased ? &host->lease.client.lease : NULL;
    struct estab_name_server_info server;
    struct estab_search_domain_info domain;
    struct estab_name name;
    uint64_t cursor = 0;
    unsigned n = 0;

    if (options->n_dns == 0) {
        for (unsigned i = 0; lease != NULL && i < lease->n_dns; i++)
            cfg->servers[n++] = (struct estab_endpoint){ lease->dns[i], 53 };
        while (n < ESTAB_RESOLVER_SERVERS &&
               estab_stack_next_name_server(host->stack, &cursor, &server))
            cfg->servers[n++] = (struct estab_endpoint){ server.addr, 53 };
        if (n > 0)
            cfg->n_servers = n;
    }
    n = 0;
    cursor = 0;
    if (lease != NULL && lease->domain[0] != '\0' && estab_name_parse(&name, lease->domain))
        cfg->search[n++] = name;
    while (n < ESTAB_RESOLVER_SEARCH &&
           estab_stack_next_search_domain(host->stack, &cursor, &domain))
        if (estab_name_parse(&name, domain.text))
            cfg->search[n++] = name;
    if (n > 0)
        cfg->n_search = n;
}

static int
configure(struct dial *dial, const struct options *options, struct failure *why)
{
    struct estab_resolver_config cfg;
    struct failure unread;
    unsigned left_out = 0;
    char *text;

    estab_resolver_config_init(&cfg);
    if (estab_random_secret(cfg.secret, why) < 0 || read_hosts(dial, options->hosts, &cfg, why) < 0)
        return -1;
    text = estab_read_text("/etc/resolv.conf", &unread);
    if (text != NULL)
        estab_resolv_parse(&cfg, text, &left_out);
    free(text);
    if (options->n_dns > 0) {
        cfg.n_servers = (unsigned)options->n_dns;
        for (size_t i = 0; i < options->n_dns; i++)
            cfg.servers[i] = (struct estab_endpoint){ options->dns[i], 53 };
    }
    if (options->addr_auto)
        take_what_the_link_gives(dial->host, options, &cfg);
    for (unsigned i = 0; i < cfg.n_servers;) {
        if (estab_host_address(dial->host, cfg.servers[i].addr.family) != NULL) {
            i++;
            continue;
        }
        /* No way there: not a server that is worth waiting for. */
        cfg.n_servers--;
        memmove(&cfg.servers[i], &cfg.servers[i + 1], (cfg.n_servers - i) * sizeof cfg.servers[0]);
    }
    if (estab_resolver_init(&dial->resolver, &cfg) < 0)
        return estab_fail(why, "a setting of the resolver is out of range");
    return 0;
}

/* --- sockets of the resolver --- */

static void
close_socket(struct dial *dial, struct dial_socket *s, estab_time now)
{
    if (s->handle != 0 && s->port != 0)
        (void)!estab_udp_close(dial->host->stack, s->handle, now);
    else if (s->handle != 0)
        (void)!estab_abort(dial->host->stack, s->handle, now);
    free(s->text);
    *s = (struct dial_socket){ 0 };
}

static struct dial_socket *
free_socket(struct dial *dial)
{
    for (size_t i = 0; i < sizeof dial->sockets / sizeof dial->sockets[0]; i++)
        if (dial->sockets[i].query == 0)
            return &dial->sockets[i];
    return NULL;
}

/* 0, or a negative error; the resolver learns of it from the caller. */
static int
send_datagram(struct dial *dial, struct dial_socket *s, estab_time now)
{
    const struct estab_resolver_message *m = &s->message;
    struct estab_endpoint local = { { .family = m->to.addr.family }, m->local_port };
    struct estab_stack *stack = dial->host->stack;
    int error = estab_udp_open(stack, &local, NULL, &s->handle, now);
    ptrdiff_t n;

    if (error < 0) {
        s->handle = 0;
        return error;
    }
    error = estab_udp_connect(stack, s->handle, &m->to, now);
    if (error < 0)
        return error;
    n = estab_udp_send(stack, s->handle, NULL, m->octets, m->len, now);
    /* A full queue is like a loss on the way: the resolver asks again. */
    return n < 0 && n != -ESTAB_EAGAIN ? (int)n : 0;
}

static int
open_stream(struct dial *dial, struct dial_socket *s, estab_time now)
{
    int error;

    s->text = malloc(DIAL_STREAM_MAX);
    if (s->text == NULL)
        return -ESTAB_ENOMEM;
    error = estab_connect(dial->host->stack, NULL, &s->message.to, NULL, &s->handle, now);
    if (error < 0)
        s->handle = 0;
    return error;
}

static void
send_messages(struct dial *dial, estab_time now)
{
    struct estab_resolver_message m;
    unsigned taken = 0;

    for (;;) {
        bool datagram = estab_resolver_next_datagram(&dial->resolver, &m, now);
        struct dial_socket *s;
        int error;

        if (!datagram && !estab_resolver_next_stream(&dial->resolver, &m, now))
            return;
        s = free_socket(dial);
        if (s == NULL) {
            estab_resolver_failed(&dial->resolver, m.query, now);
            continue;
        }
        *s = (struct dial_socket){ .query = m.query, .port = m.local_port, .message = m };
        error = datagram ? send_datagram(dial, s, now) : open_stream(dial, s, now);
        if (error == 0)
            continue;
        close_socket(dial, s, now);
        if (error == -ESTAB_EADDRINUSE && datagram && taken++ < 16)
            estab_resolver_port_taken(&dial->resolver, m.query);
        else
            estab_resolver_failed(&dial->resolver, m.query, now);
    }
}

static void
read_datagrams(struct dial *dial, struct dial_socket *s, estab_time now)
{
    struct estab_udp_message from;
    uint8_t buf[4096];
    ptrdiff_t n;

    while (s->handle != 0 && (n = estab_udp_receive(dial->host->stack, s->handle, &from, buf,
                                                    sizeof buf, now)) != -ESTAB_EAGAIN) {
        if (n < 0) {
            estab_resolver_failed(&dial->resolver, s->query, now);
            return;
        }
        (void)estab_resolver_datagram(&dial->resolver, s->port, &from.remote, buf, (size_t)n, now);
    }
}

static void
go_on_with_stream(struct dial *dial, struct dial_socket *s, unsigned bits, estab_time now)
{
    struct estab_stack *stack = dial->host->stack;
    ptrdiff_t n = 0;

    while (s->sent < s->message.len && (bits & (ESTAB_CONNECTED | ESTAB_WRITABLE)) != 0) {
        n = estab_send(stack, s->handle, s->message.octets + s->sent, s->message.len - s->sent,
                       now);
        if (n < 0)
            break;
        s->sent += (size_t)n;
    }
    while (s->filled < DIAL_STREAM_MAX) {
        n = estab_receive(stack, s->handle, s->text + s->filled, DIAL_STREAM_MAX - s->filled, now);
        if (n <= 0)
            break;
        s->filled += (size_t)n;
    }
    if (estab_resolver_stream(&dial->resolver, s->query, s->text, s->filled, now))
        return;
    if (n != -ESTAB_EAGAIN || (bits & ESTAB_FAILED) != 0)
        estab_resolver_failed(&dial->resolver, s->query, now);
}

/* --- addresses --- */

static void
take_answers(struct dial *dial, estab_time now)
{
    struct estab_answer a;

    while (estab_resolver_next_answer(&dial->resolver, &a)) {
        const struct estab_addr *source = estab_host_address(dial->host, a.family);

        for (unsigned i = 0; i < a.n; i++)
            estab_eyeballs_add(&dial->eyeballs, &a.addrs[i], source, now);
        if (a.kind > dial->worst)
            dial->worst = a.kind;
        estab_eyeballs_resolved(&dial->eyeballs, a.family, now);
    }
}

static void
close_sockets(struct dial *dial, estab_time now)
{
    for (size_t i = 0; i < sizeof dial->sockets / sizeof dial->sockets[0]; i++)
        close_socket(dial, &dial->sockets[i], now);
}

static void
make_attempts(struct dial *dial, estab_time now)
{
    struct estab_endpoint local = { .port = dial->local_port }, remote = { .port = dial->port };
    unsigned attempt;
    int error;

    if (dial->resolved != NULL) {
        if (dial->over || !estab_eyeballs_next(&dial->eyeballs, &remote.addr, &attempt, now))
            return;
        dial->over = true;
        close_sockets(dial, now);
        dial->resolved(dial->ctx, &remote.addr, now);
        return;
    }
    while (estab_eyeballs_next(&dial->eyeballs, &remote.addr, &attempt, now)) {
        error =
            estab_connect(dial->host->stack, &local, &remote, NULL, &dial->attempts[attempt], now);
        if (error == 0)
            continue;
        dial->error = error;
        dial->attempts[attempt] = 0;
        estab_eyeballs_failed(&dial->eyeballs, attempt, now);
    }
}

static void
look_whether_hopeless(struct dial *dial, estab_time now)
{
    if (dial->over || !estab_eyeballs_is_hopeless(&dial->eyeballs))
        return;
    dial->over = true;
    dial->failed(dial->ctx,
                 dial->error != 0 ? estab_err_text(dial->error) : estab_answer_text(dial->worst),
                 now);
}

/* --- the whole --- */

static void
alarm_rings(void *ctx, estab_time now)
{
    struct dial *dial = ctx;

    if (dial->over)
        return;
    estab_resolver_timeouts(&dial->resolver, now);
    go_on(dial, now);
}

static void
go_on(struct dial *dial, estab_time now)
{
    estab_time at, other;

    send_messages(dial, now);
    take_answers(dial, now);
    for (size_t i = 0; i < sizeof dial->sockets / sizeof dial->sockets[0]; i++) {
        struct dial_socket *s = &dial->sockets[i];

        if (s->query != 0 && !estab_resolver_expects(&dial->resolver, s->query, s->port))
            close_socket(dial, s, now);
    }
    make_attempts(dial, now);
    look_whether_hopeless(dial, now);
    at = estab_resolver_deadline(&dial->resolver);
    other = estab_eyeballs_deadline(&dial->eyeballs);
    if (dial->over)
        at = ESTAB_NEVER;
    else if (other < at)
        at = other;
    estab_loop_set_alarm(dial->host->loop, &dial->alarm, at, alarm_rings, dial);
}

int
estab_dial_start(struct dial *dial, struct host *host, const struct options *options,
                 const char *name, uint16_t port, uint16_t local_port, struct failure *why)
{
    static const uint8_t families[] = { ESTAB_INET6, ESTAB_INET };
    estab_time now = estab_loop_now(host->loop);
    uint32_t query;

    dial->host = host;
    dial->port = port;
    dial->local_port = local_port;
    if (configure(dial, options, why) < 0)
        return -1;
    estab_eyeballs_init(&dial->eyeballs, NULL);
    /* RFC 8305 §3: AAAA first, A right behind it. */
    for (unsigned i = 0; i < 2; i++) {
        bool wanted = !(families[i] == ESTAB_INET ? options->only_ipv6 : options->only_ipv4);

        if (!wanted || estab_host_address(host, families[i]) == NULL)
            estab_eyeballs_resolved(&dial->eyeballs, families[i], now);
        else if (estab_resolver_ask(&dial->resolver, name, families[i], &query, now) < 0)
            return estab_fail(why, "%.200s: not a name that can be asked for", name);
    }
    dial->asked = true;
    /* Everything else in the loop, also when all is known already. */
    estab_loop_set_alarm(host->loop, &dial->alarm, now, alarm_rings, dial);
    return 0;
}

static bool
attempt_event(struct dial *dial, unsigned i, const struct estab_event *event, estab_time now)
{
    struct estab_status status = { .error = -ESTAB_ECONNABORTED };
    estab_conn conn = dial->attempts[i];

    if ((event->bits & ESTAB_CONNECTED) != 0) {
        struct estab_endpoint remote = { dial->eyeballs.addrs[i].addr, dial->port };

        estab_eyeballs_won(&dial->eyeballs, i);
        dial->attempts[i] = 0;
        dial->over = true;
        for (unsigned j = 0; j < ESTAB_EYEBALLS_ADDRS; j++) {
            if (dial->attempts[j] != 0)
                (void)!estab_abort(dial->host->stack, dial->attempts[j], now);
            dial->attempts[j] = 0;
        }
        close_sockets(dial, now);
        dial->connected(dial->ctx, conn, &remote, now);
        return false;
    }
    if ((event->bits & ESTAB_FAILED) != 0) {
        (void)!estab_status(dial->host->stack, conn, &status);
        dial->error = status.error;
        (void)!estab_close(dial->host->stack, conn, now);
        dial->attempts[i] = 0;
        estab_eyeballs_failed(&dial->eyeballs, i, now);
        go_on(dial, now);
    }
    return true;
}

bool
estab_dial_event(struct dial *dial, const struct estab_event *event, estab_time now)
{
    if (!dial->asked || dial->over)
        return false;
    for (unsigned i = 0; i < ESTAB_EYEBALLS_ADDRS; i++)
        if (dial->attempts[i] != 0 && dial->attempts[i] == event->conn)
            return attempt_event(dial, i, event, now);
    for (size_t i = 0; i < sizeof dial->sockets / sizeof dial->sockets[0]; i++) {
        struct dial_socket *s = &dial->sockets[i];

        if (s->handle == 0 || s->handle != event->conn)
            continue;
        if (s->port != 0)
            read_datagrams(dial, s, now);
        else
            go_on_with_stream(dial, s, event->bits, now);
        go_on(dial, now);
        return true;
    }
    return false;
}

void
estab_dial_close(struct dial *dial)
{
    for (size_t i = 0; i < sizeof dial->sockets / sizeof dial->sockets[0]; i++)
        free(dial->sockets[i].text);
    free(dial->hosts);
    dial->hosts = NULL;
}
