/* SPDX-License-Identifier: MIT */
/* The `estab` command: finds the subcommand and runs it. */
#include "cli/cli.h"
#include "estab/estab.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *about;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "demo", "a connection from the first segment to the last", estab_cmd_demo },
    { "get", "fetch a document over HTTP", estab_cmd_get },
    { "http", "serve a directory over HTTP", estab_cmd_http },
    { "lab", "lessons: why each rule of TCP exists, and what breaks without it", estab_cmd_lab },
    { "nc", "connect standard input and output with a TCP connection, or UDP", estab_cmd_nc },
    { "ping", "ask whether a host is there, and by which routers", estab_cmd_ping },
    { "replay", "play a capture to a host, and see what that makes of it", estab_cmd_replay },
    { "script", "play a script of hosts, segments and faults, and judge it", estab_cmd_script },
    { "set", "change a setting of a running host", estab_cmd_set },
    { "ss", "show the sockets of running hosts", estab_cmd_ss },
    { "top", "the connections of all running hosts, those that move most first", estab_cmd_top },
    { "trace", "what happened in a capture: who closed, who reset and why", estab_cmd_trace },
    { "wan", "a slow, long, bad path between two TUN devices", estab_cmd_wan },
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void
help(FILE *to)
{
    fprintf(to,
            "usage: estab COMMAND [OPTION]...\n"
            "A TCP you can embed, run, watch and prove: every command runs its own TCP/IP host\n"
            "in this process and reaches the kernel's through a TUN device.\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-6s  %s\n", commands[i].name, commands[i].about);
    fprintf(to, "\n  estab COMMAND --help  the options of a command\n"
                "  estab --version       the version\n"
                "See estab(1).\n");
}

/* Standard output may be a full disk. */
static int
finish(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "estab: cannot write to standard output\n");
    return 1;
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "estab: which command? (estab --help lists them)\n");
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        help(stdout);
        return finish();
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("estab %s\n", estab_version());
        return finish();
    }
    if (strcmp(argv[1], "help") == 0) {
        char flag[] = "--help";

        argv[1] = argv[2];
        argv[2] = flag;
        argc = 3;
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "estab: %.200s: unknown command (estab --help lists them)\n", argv[1]);
    return 2;
}
