/* SPDX-License-Identifier: MIT */
/*
 * Command lines. Every command has the options of a host (its device, addresses, captures) and
 * some of its own, all described by tables, from which both the parser and --help work.
 */
#ifndef ESTAB_CLI_OPTIONS_H
#define ESTAB_CLI_OPTIONS_H

#include "drivers/failure.h"
#include "estab/addr.h"
#include "estab/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { OPTIONS_ADDRS = 8, OPTIONS_DNS = 4, OPTIONS_KNOBS = 32 };

/* --probe: how an address is asked for on Ethernet before it is used. */
enum { PROBE_DEFAULT, PROBE_OFF, PROBE_QUICK, PROBE_RFC };

struct prefix {
    struct estab_addr addr;
    unsigned len;
};

/* What every command that runs a host takes. */
struct options {
    const char *tun; /* NULL: make one with a free name */
    bool tap;        /* `tun` names a TAP device */
    bool packet;     /* `tun` names an Ethernet device of the kernel's, shared with it */
    bool mac_given;  /* --mac, and what it said */
    uint8_t mac[6];
    uint16_t vlan;      /* --vlan; 0: none */
    bool temporary;     /* IPv6 addresses that change, too (RFC 8981) */
    const char *secret; /* a file, or NULL: another one each time */
    struct prefix addrs[OPTIONS_ADDRS];
    size_t n_addrs;
    struct estab_addr gateway4, gateway6; /* family 0: none given */
    uint32_t mtu;                         /* 0: the device's */
    const char *pcap, *json;              /* files, or NULL */
    bool ladder;
    const char *profile;       /* NULL: the defaults */
    bool cc_given;             /* --cc */
    uint8_t cc;                /* and its enum estab_cc */
    estab_time msl;            /* 0: the profile's */
    bool keepalive_given;      /* --keepalive; else the command's own default */
    bool keepalive;            /* and what it said */
    estab_time keepalive_idle; /* these three 0: the profile's */
    estab_time keepalive_interval;
    uint32_t keepalive_count;
    bool only_ipv4, only_ipv6;
    struct estab_addr dns[OPTIONS_DNS]; /* --dns; none: those of resolv.conf */
    size_t n_dns;
    const char *knobs[OPTIONS_KNOBS]; /* --set: "NAME=VALUE" */
    size_t n_knobs;
    bool addr_auto;      /* --addr auto: by DHCP, and of routers */
    uint8_t probe;       /* PROBE_... */
    const char *control; /* where to make a control socket, or NULL */
    const char *hosts;   /* a file, or NULL: the system's */
};

/* One option of one command. */
struct option_rule {
    const char *name;  /* "port"; NULL: only the letter */
    char letter;       /* 'p'; 0: only the name */
    const char *value; /* what --help calls its value, "PORT"; NULL: it has none */
    const char *help;
    /* Takes the value (NULL when it has none) into the command's or the host's options. Returns 0,
     * or -1 and what is wrong with it, without the option and the value, which the parser adds. */
    int (*take)(void *into, const char *value, struct failure *why);
};

struct command {
    const char *name;  /* "nc" */
    const char *usage; /* "[-l] [-p PORT] [HOST] [PORT]" */
    const char *about; /* one sentence for `estab --help` */
    const struct option_rule *rules;
    size_t n_rules;
    bool no_host; /* it runs none, and takes only its own options */
};

enum options_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_BAD };

/* Parses argv[1..] into `host` (set to defaults first) and `own`. On OPTIONS_OK operands begin at
 * argv[*operands]; on OPTIONS_BAD `why` is one line that names option and value. */
enum options_result estab_options_parse(const struct command *command, struct options *host,
                                        void *own, int argc, char **argv, int *operands,
                                        struct failure *why);

/* The text of --help. */
void estab_options_help(const struct command *command, FILE *to);

/* Does both and prints: -1 to go on, else the exit status. */
int estab_options_start(const struct command *command, struct options *host, void *own, int argc,
                        char **argv, int *operands);

/* One line on stderr, "estab nc: what is wrong", and the exit status 2 or 1. */
__attribute__((format(printf, 2, 3))) int estab_usage_error(const struct command *command,
                                                            const char *format, ...);
__attribute__((format(printf, 2, 3))) int estab_command_error(const struct command *command,
                                                              const char *format, ...);

/* Puts profile, MSL, keepalive and what --set says into a configuration; `keepalive` is the command's own default.
 * Returns 0, or -1 and why. */
int estab_options_apply(const struct options *host, bool keepalive, struct estab_config *config,
                        struct failure *why);

#endif
