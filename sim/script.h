/* SPDX-License-Identifier: MIT */
/*
 * The language of scripts: hosts, links, calls, segments, faults and what is expected, one a line,
 * each at its instant of virtual time. docs/script.md is the reference. Parsing knows nothing of
 * files; running a script is in script_run.h.
 */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include "estab/addr.h"
#include "estab/config.h"
#include "sim/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIM_SCRIPT_HOSTS = 8,
    SIM_SCRIPT_LINKS = 8,
    SIM_SCRIPT_NAMES = 16, /* of connections */
    SIM_SCRIPT_NAME = 32,  /* octets of a name, with the closing zero */
    SIM_SCRIPT_OPTIONS = 8,
    SIM_SCRIPT_LINES = 20000,
    SIM_SCRIPT_OCTETS = 1 << 20, /* of a whole script */
    SIM_SCRIPT_SEND = 1 << 20,   /* of one call */
    SIM_SCRIPT_CLAIMS = 22,      /* N1 to N22 */
    SIM_SCRIPT_QUESTIONS = 32,   /* over all languages */
    SIM_SCRIPT_COUNTERFACTUALS = 12,
    SIM_SCRIPT_FLOOD = 100000 /* SYNs of one flood */
};

struct sim_script_name {
    char text[SIM_SCRIPT_NAME];
};

/* A text of the script, as an offset into `strings`. */
struct sim_script_text {
    uint32_t at, len;
};

struct sim_script_host {
    struct sim_script_name name;
    uint32_t line;
    bool is_peer;
    struct estab_addr addr; /* any address: the link's choice */
    struct estab_config cfg;
    int32_t drift_ppm; /* what its clock gains */
};

struct sim_script_link {
    uint32_t line;
    uint32_t host[2];
    uint32_t mtu;
    bool v6;
    struct sim_link_config cfg;
};

/* A number to be compared, or not. */
struct sim_script_field {
    bool given; /* in the script */
    bool any;   /* not compared */
    uint32_t value;
};

enum sim_script_option_kind {
    SIM_OPTION_MSS,
    SIM_OPTION_WSCALE,
    SIM_OPTION_SACK_OK,
    SIM_OPTION_TIMESTAMP,
    SIM_OPTION_SACK,
    SIM_OPTION_NOP
};

struct sim_script_option {
    enum sim_script_option_kind kind;
    struct sim_script_field value[2];
    bool is_last; /* the echo of a timestamp is the host's last TSval */
};

struct sim_script_segment {
    bool any_ctl;
    uint8_t ctl;
    struct sim_script_field seq, ack, wnd, len, up, from, to;
    bool has_text;
    struct sim_script_text text;
    unsigned n_options;
    struct sim_script_option option[SIM_SCRIPT_OPTIONS];
};

/*
 * The rules of TCP that a line or a counterfactual speaks of: "time-wait,paws". What rules there
 * are is known to the lab alone (tcp/rules.h); here they are words.
 */
struct sim_script_rules {
    struct sim_script_text list;
    uint32_t line, column;
};

/* When a line is played: always, only while all its rules are in force, only when all are taken
 * away; and a harm, which must be seen without them and must not be seen with them. */
enum sim_script_mode { SIM_PLAY_ALWAYS, SIM_PLAY_WITH, SIM_PLAY_WITHOUT, SIM_PLAY_HARM };

enum sim_script_call {
    SIM_CALL_LISTEN,
    SIM_CALL_UNLISTEN,
    SIM_CALL_CONNECT,
    SIM_CALL_ACCEPT,
    SIM_CALL_SEND,
    SIM_CALL_RECEIVE,
    SIM_CALL_SHUTDOWN,
    SIM_CALL_CLOSE,
    SIM_CALL_ABORT,
    SIM_CALL_SET,
    SIM_CALL_DRAIN,
    SIM_CALL_POUR
};

enum sim_script_wanted {
    SIM_RESULT_NONE, /* not said: not refused */
    SIM_RESULT_OK,
    SIM_RESULT_NUMBER,
    SIM_RESULT_TEXT,
    SIM_RESULT_END,
    SIM_RESULT_ERROR
};

/* What of a host can be counted. */
enum sim_script_count {
    SIM_COUNT_CONNECTIONS,
    SIM_COUNT_HALF_OPEN,
    SIM_COUNT_TIME_WAIT,
    SIM_COUNT_LISTENERS,
    SIM_COUNT_TIMERS,
    SIM_COUNT_PORTS,
    SIM_COUNT_BYTES,
    SIM_COUNT_RECORD_BYTES,
    SIM_COUNT_BUFFER_BYTES,
    SIM_COUNT_RECEIVED,
    SIM_COUNT_SENT,
    SIM_COUNT_OCTETS,
    SIM_COUNT_AGAIN,
    SIM_COUNT_LOST,
    SIM_COUNT_VERDICT,
    SIM_COUNT_REASON,
    SIM_COUNT_CAUSE
};

enum sim_script_kind {
    SIM_LINE_SAY,
    SIM_LINE_CALL,
    SIM_LINE_INJECT,
    SIM_LINE_AWAIT,
    SIM_LINE_AWAIT_NOTHING,
    SIM_LINE_EXPECT_STATE,
    SIM_LINE_EXPECT_FREE,
    SIM_LINE_EXPECT_COUNT,
    SIM_LINE_FAULT,
    SIM_LINE_CUT,
    SIM_LINE_MEND,
    SIM_LINE_REBOOT,
    SIM_LINE_PAUSE,
    SIM_LINE_STARVE,
    SIM_LINE_FEED,
    SIM_LINE_FORGE,
    SIM_LINE_FLOOD,
    SIM_LINE_TELL,
    SIM_LINE_DRAW
};

enum sim_script_when { SIM_WHEN_THEN, SIM_WHEN_AFTER, SIM_WHEN_AT };
enum sim_script_language { SIM_SAY_ALL, SIM_SAY_ENGLISH, SIM_SAY_CHINESE };
#define SIM_SCRIPT_ALL_HOSTS UINT32_MAX

enum sim_script_compare { SIM_IS, SIM_AT_LEAST, SIM_AT_MOST };

/* What a lesson offers to take away, from which host, and what comes of it in each language. */
struct sim_script_counterfactual {
    struct sim_script_rules rules;
    uint32_t host; /* SIM_SCRIPT_ALL_HOSTS: from all */
    struct sim_script_text harm[3];
};

struct sim_script_question {
    enum sim_script_language language;
    struct sim_script_text question, answer;
};

struct sim_script_line {
    enum sim_script_kind kind;
    enum sim_script_mode mode;
    struct sim_script_rules rules;
    uint32_t line, column; /* of what it does, after the time */
    enum sim_script_when when;
    estab_time time;
    estab_time within;    /* waits so long; 0: now or never */
    uint32_t host, other; /* indices */
    uint32_t conn;        /* index of the connection's name; 0: without a name */
    enum sim_script_call call;
    uint16_t port, local_port;
    uint32_t backlog;
    uint32_t number; /* octets to send or receive, what is counted must be */
    enum sim_script_compare compare;
    bool has_text;
    struct sim_script_text text;
    struct estab_tcp_options options;
    uint32_t options_given; /* a bit for each setting of SET */
    enum sim_script_wanted result;
    int64_t result_number;
    struct sim_script_text result_text;
    uint32_t result_column;
    uint8_t state;
    enum sim_script_count count;
    uint32_t word; /* verdict, reason or cause */
    enum sim_script_language language;
    struct sim_hold hold; /* its direction is set when the script runs */
    bool hold_until;      /* hold.release_at, else hold.release_after */
    bool same_secret;     /* of a reboot */
    bool is_blind;        /* FORGE: the numbers are what they are */
    struct sim_script_segment segment;
};

struct sim_script_error {
    uint32_t line, column; /* from 1; columns are characters */
    char text[256];
};

struct sim_script {
    struct estab_alloc from;
    uint64_t seed;
    uint32_t n_hosts, n_links, n_names;
    struct sim_script_host host[SIM_SCRIPT_HOSTS];
    struct sim_script_link link[SIM_SCRIPT_LINKS];
    struct sim_script_name name[SIM_SCRIPT_NAMES]; /* name[0] is empty */
    uint32_t peer;                                 /* index; SIM_SCRIPT_ALL_HOSTS: there is none */
    uint32_t shown[2];                             /* the hosts of the ladder */
    struct sim_script_line *lines;
    size_t n_lines, cap_lines;
    char *strings;
    size_t strings_len, strings_cap;
    bool has_language[3]; /* something is said in it */

    /* What makes a script a lesson; sim/script_lesson.c */
    uint32_t lesson; /* its number; 0: none */
    struct sim_script_text title[3];
    uint32_t claims; /* bit n: N<n> is shown */
    uint32_t n_counterfactuals, n_questions;
    struct sim_script_counterfactual counterfactual[SIM_SCRIPT_COUNTERFACTUALS];
    struct sim_script_question question[SIM_SCRIPT_QUESTIONS];
};

/* Parses a script; false: the first error is told. Ends with sim_script_free() in both cases. */
bool sim_script_parse(struct sim_script *s, const struct estab_alloc *from, const char *text,
                      size_t len, struct sim_script_error *error);
void sim_script_free(struct sim_script *s);

#endif
