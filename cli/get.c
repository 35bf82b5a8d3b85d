/* SPDX-License-Identifier: MIT */
/*
 * estab get: one document over HTTP/1.1. What is written with -o appears under its name only when
 * it is whole: until then it is a file without a name, or with a temporary one.
 */
#include "cli/cli.h"
#include "cli/dial.h"
#include "cli/host.h"
#include "cli/http_response.h"
#include "cli/new_file.h"
#include "cli/numbers.h"
#include "cli/stream.h"
#include "cli/url.h"
#include "estab/estab.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    BUFFER = 128 * 1024,
    HEAD_MAX = 64 * 1024,
};

struct get_options {
    const char *output; /* NULL: standard output */
    estab_time patience;
};

static int
take_output(void *into, const char *value, struct failure *why)
{
    struct get_options *o = into;

    if (value[0] == '\0')
        return estab_fail(why, "not a file name");
    o->output = strcmp(value, "-") == 0 ? NULL : value;
    return 0;
}

static int
take_patience(void *into, const char *value, struct failure *why)
{
    struct get_options *o = into;

    if (!estab_parse_duration(value, &o->patience))
        return estab_fail(why, "not a duration, such as 5 or 500ms");
    return 0;
}

static const struct option_rule rules[] = {
    { "output", 'o', "FILE", "write the document there, whole or not at all", take_output },
    { "wait", 'w', "TIME", "give up when nothing arrives for this time", take_patience },
};

static const struct command command = {
    .name = "get",
    .usage = "http://HOST[:PORT]/PATH",
    .about = "Fetches a document over HTTP and writes it to standard output or a file.",
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
};

struct get {
    struct get_options options;
    struct host host;
    struct url url;
    char name[sizeof((struct url *)0)->authority + 8]; /* "example.org:80", for messages */
    struct dial dial;
    estab_conn conn; /* 0: none */
    struct new_file file;
    struct stream out;
    struct loop_watch out_watch;
    struct loop_alarm patience, farewell;
    char request[URL_TEXT + 256];
    size_t request_len, request_sent;
    bool have_head; /* of the final response */
    struct http_response response;
    struct http_body body;
    bool leaving; /* the document is whole; the connection closes */
    int status;
    size_t filled, used; /* of the buffer */
    char buffer[BUFFER];
};

static void
stop(struct get *get, int status)
{
    if (get->status == 0)
        get->status = status;
    estab_loop_stop(get->host.loop);
}

static void
give_up(struct get *get, const char *why_text, estab_time now)
{
    if (get->conn != 0)
        (void)!estab_abort(get->host.stack, get->conn, now);
    get->conn = 0;
    stop(get, estab_command_error(&command, "%s: %s", get->name, why_text));
}

/* --- the end --- */

static void
farewell_over(void *ctx, estab_time now)
{
    (void)now; /* estab_host_close() resets what is left */
    stop(ctx, 0);
}

/* The document is whole. The connection is closed in order, but nobody waits long for that. */
static void
finish(struct get *get, estab_time now)
{
    struct failure why;

    get->leaving = true;
    estab_loop_unwatch(get->host.loop, &get->out_watch);
    estab_loop_set_alarm(get->host.loop, &get->patience, ESTAB_NEVER, NULL, NULL);
    if (get->options.output != NULL && estab_new_file_keep(&get->file, &why) < 0) {
        give_up(get, why.text, now);
        return;
    }
    if (estab_shutdown(get->host.stack, get->conn, now) < 0) {
        stop(get, 0);
        return;
    }
    estab_loop_set_alarm(get->host.loop, &get->farewell, now + ESTAB_SEC(1), farewell_over, get);
}

static void
ended_early(struct get *get, const char *how, estab_time now)
{
    struct failure why;

    if (!get->have_head)
        estab_fail(&why, "no response: %s", how);
    else if (get->body.framing == HTTP_LENGTH)
        estab_fail(&why, "incomplete, %llu of %llu octets: %s", (unsigned long long)get->body.taken,
                   (unsigned long long)get->response.length, how);
    else
        estab_fail(&why, "incomplete after %llu octets: %s", (unsigned long long)get->body.taken,
                   how);
    give_up(get, why.text, now);
}

/* --- the response --- */

static int
judge_status(const struct get *get, struct failure *why)
{
    const struct http_response *r = &get->response;

    if (r->status >= 400)
        return estab_fail(why, "HTTP %u%s%.*s", r->status, r->reason.len > 0 ? " " : "",
                          (int)(r->reason.len > 100 ? 100 : r->reason.len), r->reason.at);
    if (r->status >= 300)
        return estab_fail(why, "HTTP %u: not here but at '%.*s', which is not followed", r->status,
                          (int)(r->location.len > 200 ? 200 : r->location.len), r->location.at);
    return 0;
}

/* True when the final head is there; interim responses (1xx) are skipped. */
static bool
take_head(struct get *get, struct failure *why, bool *bad)
{
    size_t len;

    *bad = false;
    while (!get->have_head) {
        const char *text = get->buffer + get->used;
        size_t there = get->filled - get->used;

        len = estab_http_head_length(text, there, 0);
        if (len == 0 && there > HEAD_MAX)
            *bad =
                estab_fail(why, "the head of the response is longer than %d octets", HEAD_MAX) < 0;
        if (len == 0)
            return false;
        if (estab_http_response_parse(&get->response, text, len, why) < 0) {
            *bad = true;
            return false;
        }
        get->used += len;
        if (get->response.status >= 200) {
            if (judge_status(get, why) < 0) {
                *bad = true;
                return false;
            }
            get->have_head = true;
            estab_http_body_start(&get->body, &get->response);
        }
    }
    return true;
}

/* Writes what is in the buffer. 1: all of it; 0: standard output takes no more now; -1: why. */
static int
write_body(struct get *get, struct failure *why)
{
    while (get->used < get->filled && !get->body.done) {
        struct http_body before = get->body;
        struct estab_span spans[2] = { { NULL, 0 }, { NULL, 0 } };
        const char *text;
        size_t len;
        ptrdiff_t used = estab_http_body_next(&get->body, get->buffer + get->used,
                                              get->filled - get->used, &text, &len, why);
        ptrdiff_t n;

        if (used < 0)
            return -1;
        if (len > 0) {
            spans[0] = (struct estab_span){ (uint8_t *)get->buffer + (text - get->buffer), len };
            n = estab_stream_write(&get->out, spans);
            if (n < 0 && n != -EAGAIN)
                return estab_fail(why, "cannot write %s: %s",
                                  get->options.output != NULL ? get->options.output
                                                              : "standard output",
                                  strerror((int)-n));
            if (n < 0)
                n = 0;
            if ((size_t)n < len) {
                /* Only the part that was written counts as seen. */
                get->body = before;
                used =
                    n > 0 ? estab_http_body_next(&get->body, text, (size_t)n, &text, &len, why) : 0;
                get->used += (size_t)used;
                return 0;
            }
        }
        get->used += (size_t)used;
    }
    return 1;
}

/* -ESTAB_EAGAIN: wait for more; 0: the peer's end; else an error or octets. */
static ptrdiff_t
fill(struct get *get, estab_time now)
{
    ptrdiff_t n;

    if (get->used > 0) {
        memmove(get->buffer, get->buffer + get->used, get->filled - get->used);
        get->filled -= get->used;
        get->used = 0;
    }
    n = estab_receive(get->host.stack, get->conn, get->buffer + get->filled,
                      sizeof get->buffer - get->filled, now);
    if (n > 0)
        get->filled += (size_t)n;
    return n;
}

static void
pump(struct get *get, estab_time now)
{
    struct failure why;
    bool bad;
    int written;
    ptrdiff_t n;

    while (get->conn != 0 && !get->leaving) {
        if (!take_head(get, &why, &bad) && bad) {
            give_up(get, why.text, now);
            return;
        }
        if (get->have_head) {
            written = write_body(get, &why);
            if (written < 0) {
                give_up(get, why.text, now);
                return;
            }
            if (written == 0) {
                estab_loop_want(get->host.loop, &get->out_watch, EPOLLOUT);
                return;
            }
            if (get->body.done) {
                finish(get, now);
                return;
            }
        }
        estab_loop_want(get->host.loop, &get->out_watch, 0);
        n = fill(get, now);
        if (n == -ESTAB_EAGAIN)
            return;
        if (n == 0 && get->have_head && get->body.framing == HTTP_CLOSE)
            finish(get, now);
        else if (n == 0)
            ended_early(get, "the server closed the connection", now);
        else if (n < 0)
            ended_early(get, estab_err_text((int)n), now);
    }
}

static void
send_request(struct get *get, estab_time now)
{
    while (get->request_sent < get->request_len) {
        ptrdiff_t n = estab_send(get->host.stack, get->conn, get->request + get->request_sent,
                                 get->request_len - get->request_sent, now);

        if (n == -ESTAB_ENOMEM)
            give_up(get, estab_err_text((int)n), now);
        if (n < 0)
            return; /* no room yet, or failed: an event follows */
        get->request_sent += (size_t)n;
    }
}

/* --- events --- */

static void
patience_over(void *ctx, estab_time now)
{
    ended_early(ctx, "nothing arrived in time (-w)", now);
}

static void
be_patient(struct get *get, estab_time now)
{
    if (get->options.patience != 0 && !get->leaving)
        estab_loop_set_alarm(get->host.loop, &get->patience, now + get->options.patience,
                             patience_over, get);
}

static void
out_ready(void *ctx, uint32_t ready, estab_time now)
{
    struct get *get = ctx;

    (void)ready;
    be_patient(get, now);
    pump(get, now);
}

static void
event(void *ctx, const struct estab_event *event, estab_time now)
{
    struct get *get = ctx;
    struct estab_status status = { .error = -ESTAB_ECONNABORTED };

    if (estab_dial_event(&get->dial, event, now) || event->conn != get->conn || get->conn == 0)
        return;
    be_patient(get, now);
    if (get->leaving) {
        if ((event->bits & (ESTAB_CLOSED | ESTAB_FAILED)) != 0)
            stop(get, 0);
        /* A server that sends on must not keep us. */
        return;
    }
    if ((event->bits & (ESTAB_CONNECTED | ESTAB_WRITABLE)) != 0)
        send_request(get, now);
    if ((event->bits & (ESTAB_READABLE | ESTAB_PEER_CLOSED | ESTAB_CLOSED)) != 0)
        pump(get, now);
    if ((event->bits & ESTAB_FAILED) != 0 && get->conn != 0 && !get->leaving) {
        pump(get, now);
        if (get->conn == 0 || get->leaving || get->out_watch.events != 0)
            return;
        (void)!estab_status(get->host.stack, get->conn, &status);
        give_up(get, estab_err_text(status.error), now);
    }
}

static void
dialled(void *ctx, estab_conn conn, const struct estab_endpoint *remote, estab_time now)
{
    struct get *get = ctx;

    (void)remote;
    (void)now;
    get->conn = conn;
}

static void
not_dialled(void *ctx, const char *why_text, estab_time now)
{
    give_up(ctx, why_text, now);
}

static void
interrupted(void *ctx, estab_time now)
{
    struct get *get = ctx;

    if (!get->leaving)
        give_up(get, "interrupted", now);
    else
        stop(get, 0);
}

/* --- start --- */

static int
connect_to_host(struct get *get, const struct options *options, estab_time now, struct failure *why)
{
    int error;

    if (get->url.name[0] != '\0') {
        get->dial.connected = dialled;
        get->dial.failed = not_dialled;
        get->dial.ctx = get;
        return estab_dial_start(&get->dial, &get->host, options, get->url.name,
                                get->url.endpoint.port, 0, why);
    }
    error = estab_connect(get->host.stack, NULL, &get->url.endpoint, NULL, &get->conn, now);
    if (error < 0) {
        get->conn = 0;
        return estab_fail(why, "%s: %s", get->name, estab_err_text(error));
    }
    return 0;
}

static int
start(struct get *get, const struct options *options, struct failure *why)
{
    estab_time now = estab_loop_now(get->host.loop);

    if (get->options.output != NULL) {
        if (estab_new_file_open(&get->file, get->options.output, why) < 0)
            return -1;
        get->out.fd = get->file.fd;
    } else {
        estab_stream_open_out(&get->out, STDOUT_FILENO);
    }
    if (estab_loop_watch(get->host.loop, &get->out_watch, get->out.fd, 0, out_ready, get, why) < 0)
        return -1;
    get->request_len = (size_t)snprintf(get->request, sizeof get->request,
                                        "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: estab/%s\r\n"
                                        "Accept: */*\r\nConnection: close\r\n\r\n",
                                        get->url.target, get->url.authority, ESTAB_VERSION);
    if (connect_to_host(get, options, now, why) < 0)
        return -1;
    be_patient(get, now);
    return 0;
}

int
estab_cmd_get(int argc, char **argv)
{
    static struct get get;
    struct options options;
    struct failure why;
    int operands, status;

    get = (struct get){ .file = { .fd = -1, .directory = -1 } };
    status = estab_options_start(&command, &options, &get.options, argc, argv, &operands);
    if (status >= 0)
        return status;
    if (argc - operands != 1)
        return estab_usage_error(&command, "give one URL");
    if (estab_url_parse(&get.url, argv[operands], &why) < 0)
        return estab_usage_error(&command, "%s", why.text);
    if (get.url.name[0] != '\0')
        snprintf(get.name, sizeof get.name, "%s:%u", get.url.name, get.url.endpoint.port);
    else if (get.url.endpoint.addr.family == ESTAB_INET ? options.only_ipv6 : options.only_ipv4)
        return estab_usage_error(&command, "%.200s: not an IPv%c address, as -%c asks",
                                 argv[operands], options.only_ipv4 ? '4' : '6',
                                 options.only_ipv4 ? '4' : '6');
    if (estab_addressing_check(&options, &why) < 0)
        return estab_usage_error(&command, "%s", why.text);
    if (get.url.name[0] == '\0')
        estab_endpoint_format(&get.url.endpoint, get.name);
    if (estab_host_open(&get.host, &options, true, event, &get, &why) < 0)
        return estab_command_error(&command, "%s", why.text);
    get.host.on_signal = interrupted;
    if (start(&get, &options, &why) < 0 || estab_host_run(&get.host, &why) < 0)
        get.status = estab_command_error(&command, "%s", why.text);
    if (estab_host_close(&get.host, &why) < 0 && get.status == 0)
        get.status = estab_command_error(&command, "%s", why.text);
    estab_dial_close(&get.dial);
    estab_new_file_drop(&get.file);
    estab_stream_close(&get.out);
    return get.status;
}
