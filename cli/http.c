/* SPDX-License-Identifier: MIT */
/* estab http: serves the files below a directory. */
#include "cli/cli.h"
#include "cli/host.h"
#include "cli/http_server.h"
#include "cli/numbers.h"
#include "estab/estab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct http_options {
    bool quiet;
    uint16_t port;
};

static int
take_port(void *into, const char *value, struct failure *why)
{
    struct http_options *o = into;

    if (!estab_parse_port(value, &o->port))
        return estab_fail(why, "not a port, a number from 1 to 65535");
    return 0;
}

static int
take_quiet(void *into, const char *value, struct failure *why)
{
    struct http_options *o = into;

    (void)value;
    (void)why;
    o->quiet = true;
    return 0;
}

static const struct option_rule rules[] = {
    { "port", 'p', "PORT", "the port to serve at (default: 8080)", take_port },
    { "quiet", 'q', NULL, "no line for each request", take_quiet },
};

static const struct command command = {
    .name = "http",
    .usage = "DIRECTORY",
    .about = "Serves the files below a directory over HTTP.",
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
};

struct http {
    struct http_options options;
    struct host host;
    struct http_server server;
    struct loop_alarm grace;
};

static void
event(void *ctx, const struct estab_event *event, estab_time now)
{
    struct http *http = ctx;

    estab_http_server_event(&http->server, event, now);
}

static void
grace_over(void *ctx, estab_time now)
{
    struct http *http = ctx;

    (void)now;
    estab_loop_stop(http->host.loop);
}

/* After a signal: until every answer under way was delivered and every connection closed. */
static void
turn_ended(void *ctx, estab_time now)
{
    struct http *http = ctx;
    struct estab_stack_status status;

    (void)now;
    estab_http_server_turn(&http->server);
    if (!http->server.stopping || http->server.connections > 0)
        return;
    estab_stack_status(http->host.stack, &status);
    if (status.connections == 0 && status.half_open == 0)
        estab_loop_stop(http->host.loop);
}

/* The first signal ends in order, within two seconds; the second one ends. */
static void
interrupted(void *ctx, estab_time now)
{
    struct http *http = ctx;

    if (http->server.stopping) {
        estab_loop_stop(http->host.loop);
        return;
    }
    estab_http_server_stop(&http->server, now);
    estab_loop_set_alarm(http->host.loop, &http->grace, now + ESTAB_SEC(2), grace_over, http);
}

/* Every answer under way has a file open. */
static void
allow_many_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int
start(struct http *http, const char *directory, struct failure *why)
{
    struct http_server *server = &http->server;
    const struct addressing *plan = &http->host.addressing;
    struct estab_endpoint local = { .port = http->options.port };
    char text[ESTAB_ENDPOINT_TEXT];
    int error;

    server->stack = http->host.stack;
    server->loop = http->host.loop;
    server->quiet = http->options.quiet;
    error = estab_listen(server->stack, &local, 1024, NULL, &server->listener,
                         estab_loop_now(server->loop));
    if (error < 0)
        return estab_fail(why, "cannot listen on port %u: %s", (unsigned)local.port,
                          estab_err_text(error));
    for (size_t i = 0; !server->quiet && i < plan->n; i++) {
        local.addr = plan->at[i].own.addr;
        fprintf(stderr, "estab http: %s at http://%s/ (device %s)\n", directory,
                estab_endpoint_format(&local, text), http->host.tun.name);
    }
    return 0;
}

int
estab_cmd_http(int argc, char **argv)
{
    struct http http = { .options = { .port = 8080 } };
    struct options options;
    struct failure why;
    int operands, status;
    int result = 0;

    status = estab_options_start(&command, &options, &http.options, argc, argv, &operands);
    if (status >= 0)
        return status;
    if (argc - operands != 1)
        return estab_usage_error(&command, "give one directory");
    if (estab_addressing_check(&options, &why) < 0)
        return estab_usage_error(&command, "%s", why.text);
    http.server.root = open(argv[operands], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (http.server.root < 0)
        return estab_command_error(&command, "%.300s: %s", argv[operands], strerror(errno));
    allow_many_files();
    if (estab_host_open(&http.host, &options, true, event, &http, &why) < 0) {
        close(http.server.root);
        return estab_command_error(&command, "%s", why.text);
    }
    http.host.on_signal = interrupted;
    http.host.on_turn = turn_ended;
    if (start(&http, argv[operands], &why) < 0 || estab_host_run(&http.host, &why) < 0)
        result = estab_command_error(&command, "%s", why.text);
    estab_http_server_free(&http.server);
    if (estab_host_close(&http.host, &why) < 0 && result == 0)
        result = estab_command_error(&command, "%s", why.text);
    close(http.server.root);
    return result;
}
