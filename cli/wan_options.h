/* SPDX-License-Identifier: MIT */
/* The command line of `estab wan`, and the path it describes. Pure: opens nothing. */
#ifndef ESTAB_CLI_WAN_OPTIONS_H
#define ESTAB_CLI_WAN_OPTIONS_H

#include "cli/options.h"
#include "sim/path.h"

/* How much a queue holds. */
enum wan_queue {
    WAN_QUEUE_DEFAULT,
    WAN_QUEUE_PACKETS,
    WAN_QUEUE_OCTETS,
    WAN_QUEUE_TIME,
    WAN_QUEUE_BDP
};

/* What is asked of one direction. */
struct wan_way {
    estab_time delay, jitter, reorder_by;
    uint64_t bits_per_second; /* 0: no limit */
    enum wan_queue queue;
    uint64_t queue_size; /* packets, octets, nanoseconds, thousandths of the BDP */
    uint32_t loss_ppm, reorder_ppm, duplicate_ppm, corrupt_ppm;
};

/* One end: a device, here or in a namespace, and the kernel's addresses on it. */
struct wan_end {
    char netns[256]; /* "": where this process is */
    const char *device;
    struct prefix addrs[OPTIONS_ADDRS];
    size_t n_addrs;
};

struct wan_options {
    struct wan_way way[2]; /* 0: up, from the left end to the right one; 1: down */
    unsigned setting;      /* the directions that options are for: 1 << 0, 1 << 1, both */
    struct wan_end end[2]; /* left, right */
    uint64_t seed;
    uint32_t mtu;        /* 0: the device's, 1500 if made */
    uint64_t memory;     /* octets */
    estab_time duration; /* 0: until a signal */
    bool json, quiet;
};

extern const struct command estab_wan_command;

/* Parses: -1 to go on, else the exit status. */
int estab_wan_options(struct wan_options *o, int argc, char **argv);

/* The path, for devices whose packets have at most `largest` octets. */
struct sim_path_config estab_wan_path(const struct wan_options *o, uint32_t largest);

/* "50 ms, jitter 1 ms, 10 Mbit/s, queue 100 packets, loss 1 %", for one direction. */
void estab_wan_describe(const struct wan_options *o, unsigned direction, uint32_t largest,
                        char *text, size_t size);

/* Parts of it, for tests: whole texts that are one, or false. */
bool estab_wan_parse_time(const char *text, estab_time *out);  /* "50" ms, "0.5s"; 0 is taken */
bool estab_wan_parse_percent(const char *text, uint32_t *ppm); /* "0.1", "5%" */
bool estab_wan_parse_rate(const char *text, uint64_t *bits);   /* "10" Mbit/s, "64k", "2.5g" */
bool estab_wan_parse_queue(const char *text,
                           struct wan_way *w); /* "100", "64kB", "20ms", "1.5bdp" */

#endif
