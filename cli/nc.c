/* SPDX-License-Identifier: MIT */
/*
 * estab nc: standard input to a TCP connection and back, as netcat does. Nothing is copied but
 * between the descriptors and the rings of the connection; input is read only when there is room
 * in the send buffer, and what was received is let go only when it was written out.
 */
#include "cli/cli.h"
#include "cli/dial.h"
#include "cli/host.h"
#include "cli/nc_udp.h"
#include "cli/numbers.h"
#include "cli/resolv.h"
#include "cli/stream.h"
#include "estab/estab.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* --- the command line --- */

struct nc_options {
    bool listen, keep_listening, wait_time_wait, udp;
    uint16_t port;       /* 0: not given */
    uint64_t size;       /* --size */
    estab_time patience; /* -w; 0: as long as TCP has it */
};

static int
take_listen(void *into, const char *value, struct failure *why)
{
    struct nc_options *o = into;

    (void)value;
    (void)why;
    o->listen = true;
    return 0;
}

static int
take_keep_listening(void *into, const char *value, struct failure *why)
{
    struct nc_options *o = into;

    (void)value;
    (void)why;
    o->keep_listening = true;
    return 0;
}

static int
take_wait_time_wait(void *into, const char *value, struct failure *why)
{
    struct nc_options *o = into;

    (void)value;
    (void)why;
    o->wait_time_wait = true;
    return 0;
}

static int
take_udp(void *into, const char *value, struct failure *why)
{
    struct nc_options *o = into;

    (void)value;
    (void)why;
    o->udp = true;
    return 0;
}

static int
take_size(void *into, const char *value, struct failure *why)
{
    struct nc_options *o = into;

    if (!estab_parse_number(value, 1, NC_UDP_LARGEST, &o->size))
        return estab_fail(why, "not a number from 1 to 65507");
    return 0;
}

static int
take_port(void *into, const char *value, struct failure *why)
{
    struct nc_options *o = into;

    if (!estab_parse_port(value, &o->port))
        return estab_fail(why, "not a port, a number from 1 to 65535");
    return 0;
}

static int
take_patience(void *into, const char *value, struct failure *why)
{
    struct nc_options *o = into;

    if (!estab_parse_duration(value, &o->patience))
        return estab_fail(why, "not a duration, such as 5 or 500ms");
    return 0;
}

static const struct option_rule rules[] = {
    { "listen", 'l', NULL, "wait for a connection instead of making one", take_listen },
    { "keep-listening", 'k', NULL, "with -l: one connection after the other", take_keep_listening },
    { "port", 'p', "PORT", "the port of this host", take_port },
    { "wait", 'w', "TIME", "give up when not connected after this time", take_patience },
    { "udp", 'u', NULL, "datagrams instead; -w: end when so long nothing came or went", take_udp },
    { "size", 0, "N", "with -u: at most so many octets of input in one datagram (16384)",
      take_size },
    { "wait-time-wait", 0, NULL, "stay until TIME-WAIT is over", take_wait_time_wait },
};

static const struct command command = {
    .name = "nc",
    .usage = "HOST PORT | -l [ADDRESS] PORT",
    .about = "Connects standard input and output with a TCP connection, or by UDP.",
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
};

/* --- one connection --- */

struct nc {
    struct nc_options options;
    struct host host;
    struct estab_endpoint local, remote;
    const char *remote_name;          /* to be resolved, or NULL */
    char name[256 + sizeof ":65535"]; /* of the peer, for messages */
    struct dial dial;
    estab_conn listener, conn; /* 0: none */
    bool connected;
    bool closed;              /* both sides closed in order */
    bool in_ended, out_ended; /* the end of our input; of what the peer sends */
    bool leaving;             /* only TIME-WAIT is left to wait for */
    struct stream in, out;
    struct loop_watch in_watch, out_watch;
    struct loop_alarm patience;
    int status;
};

static void
stop(struct nc *nc, int status)
{
    if (nc->status == 0)
        nc->status = status;
    estab_loop_stop(nc->host.loop);
}

/* A connection that cannot be finished as asked: the peer gets a RST, the user one line. */
static void
give_up(struct nc *nc, const char *what, const char *why_text, estab_time now)
{
    if (nc->conn != 0)
        (void)!estab_abort(nc->host.stack, nc->conn, now);
    nc->conn = 0;
    stop(nc, estab_command_error(&command, "%s: %s", what, why_text));
}

static void accept_next(struct nc *nc, estab_time now);

/* Everything was sent, acknowledged, received and written out. */
static void
finish_if_done(struct nc *nc, estab_time now)
{
    if (nc->conn == 0 || !nc->closed || !nc->in_ended || !nc->out_ended)
        return;
    (void)!estab_close(nc->host.stack, nc->conn, now);
    nc->conn = 0;
    if (nc->options.keep_listening) {
        accept_next(nc, now);
    } else if (nc->options.wait_time_wait) {
        nc->leaving = true;
    } else {
        stop(nc, 0);
    }
}

/* Standard input to the send buffer, as long as both go on without waiting. */
static void
pump_in(struct nc *nc, estab_time now)
{
    struct estab_span spans[2];
    ptrdiff_t room, n;

    if (nc->conn == 0 || !nc->connected || nc->in_ended)
        return;
    for (unsigned rounds = 0; rounds < 16; rounds++) {
        room = estab_reserve(nc->host.stack, nc->conn, (size_t)1 << 20, spans);
        if (room == -ESTAB_EAGAIN) {
            estab_loop_want(nc->host.loop, &nc->in_watch, 0); /* until ESTAB_WRITABLE */
            return;
        }
        if (room == -ESTAB_ENOMEM)
            give_up(nc, nc->name, estab_err_text((int)room), now);
        if (room < 0)
            return; /* failed: the event tells */
        n = estab_stream_read(&nc->in, spans);
        if (n == -EAGAIN) {
            estab_loop_want(nc->host.loop, &nc->in_watch, EPOLLIN);
            return;
        }
        if (n < 0) {
            give_up(nc, "standard input", strerror((int)-n), now);
            return;
        }
        if (n == 0) {
            nc->in_ended = true;
            estab_loop_unwatch(nc->host.loop, &nc->in_watch);
            (void)!estab_shutdown(nc->host.stack, nc->conn, now);
            finish_if_done(nc, now);
            return;
        }
        if (estab_commit(nc->host.stack, nc->conn, (size_t)n, now) < 0)
            return;
        if (n < room) {
            estab_loop_want(nc->host.loop, &nc->in_watch, EPOLLIN);
            return;
        }
    }
    estab_loop_want(nc->host.loop, &nc->in_watch, EPOLLIN);
}

static void
output_ended(struct nc *nc, estab_time now)
{
    nc->out_ended = true;
    estab_loop_want(nc->host.loop, &nc->out_watch, 0);
    if (!nc->options.keep_listening)
        estab_stream_end_output(&nc->out);
    finish_if_done(nc, now);
}

/* The receive buffer to standard output. */
static void
pump_out(struct nc *nc, estab_time now)
{
    struct estab_span spans[2];
    ptrdiff_t there, n;

    while (nc->conn != 0 && !nc->out_ended) {
        there = estab_peek(nc->host.stack, nc->conn, spans);
        if (there == -ESTAB_EAGAIN) {
            estab_loop_want(nc->host.loop, &nc->out_watch, 0);
            return;
        }
        if (there < 0) {
            give_up(nc, nc->name, estab_err_text((int)there), now);
            return;
        }
        if (there == 0) {
            output_ended(nc, now);
            return;
        }
        n = estab_stream_write(&nc->out, spans);
        if (n == -EAGAIN) {
            estab_loop_want(nc->host.loop, &nc->out_watch, EPOLLOUT);
            return;
        }
        if (n < 0) {
            give_up(nc, "standard output", strerror((int)-n), now);
            return;
        }
        if (estab_consume(nc->host.stack, nc->conn, (size_t)n, now) < 0)
            return;
    }
}

static void
in_ready(void *ctx, uint32_t ready, estab_time now)
{
    (void)ready;
    pump_in(ctx, now);
}

static void
out_ready(void *ctx, uint32_t ready, estab_time now)
{
    (void)ready;
    pump_out(ctx, now);
}

static void
patience_over(void *ctx, estab_time now)
{
    struct nc *nc = ctx;

    if (!nc->connected)
        give_up(nc, nc->options.listen ? "nobody" : nc->name, "not connected in time (-w)", now);
}

static int
watch_streams(struct nc *nc, struct failure *why)
{
    struct loop *loop = nc->host.loop;

    if (!nc->in_ended && !nc->in_watch.listed &&
        estab_loop_watch(loop, &nc->in_watch, nc->in.fd, 0, in_ready, nc, why) < 0)
        return -1;
    if (!nc->out_watch.listed &&
        estab_loop_watch(loop, &nc->out_watch, nc->out.fd, 0, out_ready, nc, why) < 0)
        return -1;
    return 0;
}

static void
connected(struct nc *nc, estab_time now)
{
    struct failure why;

    nc->connected = true;
    if (watch_streams(nc, &why) < 0) {
        give_up(nc, "standard streams", why.text, now);
        return;
    }
    if (nc->in_ended) /* -k: the input ended with an earlier connection */
        (void)!estab_shutdown(nc->host.stack, nc->conn, now);
    pump_in(nc, now);
    pump_out(nc, now);
}

static void
accept_next(struct nc *nc, estab_time now)
{
    struct estab_status status;

    nc->connected = nc->closed = nc->out_ended = false;
    if (estab_accept(nc->host.stack, nc->listener, &nc->conn, now) < 0) {
        nc->conn = 0;
        return;
    }
    if (estab_status(nc->host.stack, nc->conn, &status) == 0)
        estab_endpoint_format(&status.remote, nc->name);
    if (!nc->options.keep_listening) {
        (void)!estab_close(nc->host.stack, nc->listener, now);
        nc->listener = 0;
    }
    connected(nc, now);
}

/* The text that came before the failure is still written out; then pump_out() finds the error. When
 * all of it came, and the end, the error only means that ours did not arrive. */
static void
failed(struct nc *nc, estab_time now)
{
    struct estab_status status = { .error = -ESTAB_ECONNABORTED };

    pump_out(nc, now);
    if (nc->conn == 0 || (!nc->out_ended && nc->out_watch.events != 0))
        return;
    (void)!estab_status(nc->host.stack, nc->conn, &status);
    give_up(nc, nc->name, estab_err_text(status.error), now);
}

static void
event(void *ctx, const struct estab_event *event, estab_time now)
{
    struct nc *nc = ctx;

    if (estab_dial_event(&nc->dial, event, now))
        return;
    if (event->conn == nc->listener && nc->listener != 0) {
        if ((event->bits & ESTAB_ACCEPTABLE) != 0 && nc->conn == 0)
            accept_next(nc, now);
        return;
    }
    if (event->conn != nc->conn || nc->conn == 0)
        return;
    if ((event->bits & ESTAB_CONNECTED) != 0)
        connected(nc, now);
    if ((event->bits & (ESTAB_READABLE | ESTAB_PEER_CLOSED)) != 0)
        pump_out(nc, now);
    if ((event->bits & ESTAB_WRITABLE) != 0)
        pump_in(nc, now);
    if ((event->bits & ESTAB_CLOSED) != 0) {
        nc->closed = true;
        pump_out(nc, now);
        finish_if_done(nc, now);
    }
    if ((event->bits & ESTAB_FAILED) != 0 && nc->conn != 0)
        failed(nc, now);
}

/* --wait-time-wait: nothing of us is left in the stack. */
static void
look_around(void *ctx, estab_time now)
{
    struct nc *nc = ctx;
    struct estab_stack_status status;

    (void)now;
    if (!nc->leaving)
        return;
    estab_stack_status(nc->host.stack, &status);
    if (status.connections == 0 && status.time_wait == 0)
        stop(nc, 0);
}

static void
interrupted(void *ctx, estab_time now)
{
    struct nc *nc = ctx;

    if (nc->conn != 0 || (nc->listener != 0 && !nc->options.keep_listening))
        nc->status = 1;
    (void)now; /* what is open is reset by estab_host_close() */
    estab_loop_stop(nc->host.loop);
}

/* --- start --- */

/* HOST PORT, or with -l [ADDRESS] [PORT] and perhaps -p PORT. -1: to go on, else the exit status. */
static int
take_operands(struct nc *nc, int n, char **operands)
{
    struct estab_endpoint *to = nc->options.listen ? &nc->local : &nc->remote;
    const char *host = NULL, *port = NULL;

    if (nc->options.udp && nc->options.wait_time_wait)
        return estab_usage_error(&command, "--wait-time-wait goes not with -u");
    if (nc->options.keep_listening && !nc->options.listen)
        return estab_usage_error(&command, "-k goes with -l");
    nc->local.port = nc->options.port;
    if (nc->options.listen && n == 1 && nc->options.port != 0)
        host = operands[0];
    else if (nc->options.listen && n == 1)
        port = operands[0];
    else if (n == 2) {
        host = operands[0];
        port = operands[1];
    } else if (n != 0 || !nc->options.listen)
        return estab_usage_error(&command, "give HOST and PORT, or -l and PORT");
    if (port != NULL && nc->options.listen && nc->options.port != 0)
        return estab_usage_error(&command, "%.100s: the port to listen on was given with -p", port);
    if (port != NULL && !estab_parse_port(port, &to->port))
        return estab_usage_error(&command, "%.100s: not a port, a number from 1 to 65535", port);
    if (nc->options.listen && nc->local.port == 0)
        return estab_usage_error(&command, "-l needs a port");
    if (host == NULL || estab_addr_parse(&to->addr, host) == 0)
        return -1;
    if (nc->options.listen)
        return estab_usage_error(&command, "%.200s: not an address of this host", host);
    if (!estab_is_host_name(host))
        return estab_usage_error(&command, "%.200s: neither an address nor a name", host);
    nc->remote_name = host;
    return -1;
}

static int
check_family(const struct nc *nc, const struct options *options)
{
    unsigned family = nc->options.listen ? nc->local.addr.family : nc->remote.addr.family;
    char text[ESTAB_ADDR_TEXT];

    if ((family == ESTAB_INET && options->only_ipv6) ||
        (family == ESTAB_INET6 && options->only_ipv4))
        return estab_usage_error(
            &command, "%s: not an IPv%c address, as -%c asks",
            estab_addr_format(nc->options.listen ? &nc->local.addr : &nc->remote.addr, text),
            options->only_ipv4 ? '4' : '6', options->only_ipv4 ? '4' : '6');
    return -1;
}

static void
dialled(void *ctx, estab_conn conn, const struct estab_endpoint *remote, estab_time now)
{
    struct nc *nc = ctx;

    (void)now;
    nc->conn = conn;
    nc->remote = *remote;
}

static void
not_dialled(void *ctx, const char *why_text, estab_time now)
{
    struct nc *nc = ctx;

    give_up(nc, nc->name, why_text, now);
}

static int
start(struct nc *nc, const struct options *options, struct failure *why)
{
    estab_time now = estab_loop_now(nc->host.loop);
    char text[ESTAB_ENDPOINT_TEXT];
    int error;

    if (nc->options.listen) {
        error = estab_listen(nc->host.stack, &nc->local, 16, NULL, &nc->listener, now);
        if (error < 0)
            return estab_fail(why, "cannot listen on %s: %s",
                              estab_endpoint_format(&nc->local, text), estab_err_text(error));
        for (size_t i = 0; nc->host.addressing.chosen_here && i < nc->host.addressing.n; i++) {
            struct estab_endpoint at = { nc->host.addressing.at[i].own.addr, nc->local.port };

            fprintf(stderr, "estab nc: listening on %s (device %s)\n",
                    estab_endpoint_format(&at, text), nc->host.tun.name);
        }
    } else if (nc->remote_name != NULL) {
        snprintf(nc->name, sizeof nc->name, "%s:%u", nc->remote_name, nc->remote.port);
        nc->dial.connected = dialled;
        nc->dial.failed = not_dialled;
        nc->dial.ctx = nc;
        if (estab_dial_start(&nc->dial, &nc->host, options, nc->remote_name, nc->remote.port,
                             nc->local.port, why) < 0)
            return -1;
    } else {
        estab_endpoint_format(&nc->remote, nc->name);
        error = estab_connect(nc->host.stack, &nc->local, &nc->remote, NULL, &nc->conn, now);
        if (error < 0)
            return estab_fail(why, "%s: %s", nc->name, estab_err_text(error));
    }
    if (nc->options.patience != 0)
        estab_loop_set_alarm(nc->host.loop, &nc->patience, now + nc->options.patience,
                             patience_over, nc);
    return 0;
}

int
estab_cmd_nc(int argc, char **argv)
{
    static struct nc nc;
    struct options options;
    struct failure why;
    int operands, status;

    status = estab_options_start(&command, &options, &nc.options, argc, argv, &operands);
    if (status < 0)
        status = take_operands(&nc, argc - operands, argv + operands);
    if (status < 0)
        status = check_family(&nc, &options);
    if (status < 0 && estab_addressing_check(&options, &why) < 0)
        status = estab_usage_error(&command, "%s", why.text);
    if (status >= 0)
        return status;
    if (nc.options.udp)
        return estab_nc_udp(&(struct nc_udp){ .command = &command,
                                              .listen = nc.options.listen,
                                              .keep_listening = nc.options.keep_listening,
                                              .size = nc.options.size == 0
                                                          ? NC_UDP_PIECE
                                                          : (uint32_t)nc.options.size,
                                              .patience = nc.options.patience,
                                              .local = nc.local,
                                              .remote = nc.remote,
                                              .remote_name = nc.remote_name },
                            &options);
    if (estab_host_open(&nc.host, &options, nc.options.listen, event, &nc, &why) < 0)
        return estab_command_error(&command, "%s", why.text);
    nc.host.on_signal = interrupted;
    nc.host.on_turn = look_around;
    estab_stream_open_in(&nc.in, STDIN_FILENO);
    estab_stream_open_out(&nc.out, STDOUT_FILENO);
    if (start(&nc, &options, &why) < 0 || estab_host_run(&nc.host, &why) < 0)
        nc.status = estab_command_error(&command, "%s", why.text);
    if (estab_host_close(&nc.host, &why) < 0 && nc.status == 0)
        nc.status = estab_command_error(&command, "%s", why.text);
    estab_dial_close(&nc.dial);
    estab_stream_close(&nc.in);
    estab_stream_close(&nc.out);
    return nc.status;
}
