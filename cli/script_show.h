/* SPDX-License-Identifier: MIT */
/*
 * What a script looks like while it is played: the ladder, drawn into memory, and beside it
 * perhaps a capture, or the records as JSON lines. For `estab script` and `estab lab`.
 */
#ifndef ESTAB_CLI_SCRIPT_SHOW_H
#define ESTAB_CLI_SCRIPT_SHOW_H

#include "cli/new_file.h"
#include "sim/script_run.h"
#include "view/view.h"

#include <stdio.h>

struct script_look {
    const char *pcap;  /* a capture; NULL: none */
    const char *html;  /* a report for a browser; NULL: none */
    const char *title; /* of the report */
    bool ladder_only;  /* draws nothing that is said */
    bool json;         /* JSON lines in the place of the ladder */
    bool ascii, colour;
    unsigned width;
};

struct script_show {
    struct script_look look;
    struct view_ladder *ladder;
    struct view_json *json;
    struct view_pcapng *pcapng;
    bool is_dark; /* the ladder is not drawn for now */
    FILE *drawing;
    char *drawn; /* all that was drawn, when finished */
    size_t drawn_len;
    size_t *mark; /* where in it something is said */
    size_t n_marks, cap_marks;
    struct new_file capture;
    int capture_error; /* errno */
    FILE *packets;     /* the same capture, for the report */
    char *captured;
    size_t captured_len;
};

/* Ready to be watched with `watch`, which this fills in. -1: why. */
int estab_script_show_open(struct script_show *show, const struct script_look *look,
                           const struct sim_script *s, struct sim_script_watch *watch,
                           struct failure *why);
/* The run is over: the drawing and the capture are whole. */
int estab_script_show_finish(struct script_show *show, const struct sim_script_result *result,
                             struct failure *why);
/* After open, whatever it returned. */
void estab_script_show_close(struct script_show *show);

/* The whole file, `-` being standard input, at most one octet more than a script may have; to be
 * freed. NULL: why. */
char *estab_script_read(const char *path, size_t *len, struct failure *why);

#endif
