/* SPDX-License-Identifier: MIT */
/*
 * Captures of estab's own say in the comment of each packet why it was sent, what became of it and
 * the states of who told (view/pcapng.c). What is told takes the place of what was inferred.
 */
#include "trace/analysis.h"

#include <string.h>

/* A text up to one of the characters that end it. */
struct part {
    const char *s;
    size_t len;
};

static struct part
part_until(const char *s, const char *ends)
{
    return (struct part){ s, strcspn(s, ends) };
}

static bool
is(struct part p, const char *text)
{
    return strlen(text) == p.len && memcmp(p.s, text, p.len) == 0;
}

static bool
state_of(struct part p, uint8_t *state)
{
    for (unsigned i = ESTAB_TCPS_CLOSED; i <= ESTAB_TCPS_TIME_WAIT; i++)
        if (is(p, estab_state_name(i))) {
            *state = (uint8_t)i;
            return true;
        }
    return false;
}

/* "client SYN-SENT -> ESTABLISHED", the name perhaps missing: the last words count. */
static bool
states_of(struct part line, uint8_t *before, uint8_t *after)
{
    static const char arrow[] = " -> ";
    struct part first = line, last = line;
    const char *at = line.s, *end = line.s + line.len;
    bool has_arrow = false;

    for (; at + sizeof arrow - 1 < end; at++)
        if (memcmp(at, arrow, sizeof arrow - 1) == 0) {
            first.len = (size_t)(at - line.s);
            last.s = at + sizeof arrow - 1;
            last.len = (size_t)(end - last.s);
            has_arrow = true;
        }
    for (size_t i = first.len; i > 0; i--)
        if (first.s[i - 1] == ' ') {
            first.s += i;
            first.len -= i;
            break;
        }
    if (!has_arrow)
        last = first;
    return state_of(first, before) && state_of(last, after);
}

/* Comments tell no causes: the one that leads to this state. */
static uint16_t
cause_of(const struct segment_seen *s, unsigned side, unsigned after)
{
    bool is_own = side == s->from;

    switch (after) {
    case ESTAB_TCPS_SYN_SENT:
        return ESTAB_CAUSE_OPEN_ACTIVE;
    case ESTAB_TCPS_SYN_RECEIVED:
        return ESTAB_CAUSE_SYN_ARRIVED;
    case ESTAB_TCPS_ESTABLISHED:
        return ESTAB_CAUSE_SYN_ACKED;
    case ESTAB_TCPS_FIN_WAIT_1:
    case ESTAB_TCPS_LAST_ACK:
        return ESTAB_CAUSE_CLOSE_CALL;
    case ESTAB_TCPS_FIN_WAIT_2:
        return ESTAB_CAUSE_FIN_ACKED;
    case ESTAB_TCPS_CLOSE_WAIT:
    case ESTAB_TCPS_CLOSING:
    case ESTAB_TCPS_TIME_WAIT:
        return ESTAB_CAUSE_FIN_ARRIVED;
    case ESTAB_TCPS_CLOSED:
        if (s->packet->seg.ctl & ESTAB_CTL_RST)
            return is_own ? ESTAB_CAUSE_ABORT_CALL : ESTAB_CAUSE_RST_ARRIVED;
        return ESTAB_CAUSE_FIN_ACKED;
    default:
        return ESTAB_CAUSE_NONE;
    }
}

static void
take_states(struct segment_seen *s, unsigned side, const char *line, size_t len)
{
    struct end_seen *e = &s->conn->end[side];
    const char *semicolon = NULL;
    struct part p;
    uint8_t before, after;

    for (size_t i = 0; i + 1 < len; i++)
        if (line[i] == ';' && line[i + 1] == ' ')
            semicolon = line + i + 2;
    if (semicolon == NULL)
        return;
    p = (struct part){ semicolon, (size_t)(line + len - semicolon) };
    if (!states_of(p, &before, &after))
        return;
    s->state[side].told = true;
    s->state[side].inferred = s->state[side].after;
    if (before != after) {
        s->state[side].was_known = true;
        s->state[side].before = before;
    }
    if (!s->state[side].known || s->state[side].inferred != after)
        s->state[side].cause = cause_of(s, side, after);
    s->state[side].known = true;
    s->state[side].after = after;
    if (after == ESTAB_TCPS_CLOSE_WAIT && (!e->has_state || e->state != after))
        e->waits_since = s->packet->at;
    e->has_state = true;
    e->state = after;
}

/* 0: it is not there. */
static uint32_t
number_behind(const char *name, const char *line, size_t len)
{
    size_t n = strlen(name);
    uint64_t value = 0;

    for (size_t i = 0; i + n < len; i++) {
        if (memcmp(line + i, name, n) != 0)
            continue;
        for (i += n; i < len && line[i] >= '0' && line[i] <= '9' && value <= UINT32_MAX; i++)
            value = value * 10 + (uint64_t)(line[i] - '0');
        break;
    }
    return value <= UINT32_MAX ? (uint32_t)value : 0;
}

static void
take_line(struct segment_seen *s, const char *line, size_t len)
{
    static const char sent[] = "sent: ", received[] = "received: ";
    const char *at = line;
    struct part text;

    if (len > sizeof sent && memcmp(line, sent, sizeof sent - 1) == 0) {
        text = part_until(line + sizeof sent - 1, "[;\n");
        while (text.len > 0 && text.s[text.len - 1] == ' ')
            text.len--;
        for (unsigned i = 0; i < ESTAB_REASON_COUNT; i++)
            if (text.len > 0 && is(text, estab_reason_text(i))) {
                s->inferred_reason = s->reason;
                s->reason = (uint16_t)i;
                s->reason_told = true;
            }
        s->told_cwnd = number_behind("; cwnd ", line, len);
        s->told_ssthresh = number_behind(", ssthresh ", line, len);
        take_states(s, s->from, line, len);
        return;
    }
    /* "after 10 ms received: ..." */
    while (at + sizeof received - 1 < line + len && memcmp(at, received, sizeof received - 1) != 0)
        at++;
    if (at + sizeof received - 1 >= line + len)
        return;
    text = part_until(at + sizeof received - 1, "[;\n");
    while (text.len > 0 && text.s[text.len - 1] == ' ')
        text.len--;
    for (unsigned i = 0; i < ESTAB_VERDICT_COUNT; i++)
        if (is(text, estab_verdict_text(i))) {
            s->inferred_verdict = s->verdict;
            s->verdict = (uint16_t)i;
            s->verdict_told = true;
        }
    take_states(s, !s->from, line, len);
}

void
estab_trace_told(struct segment_seen *s)
{
    const char *line = s->packet->comment;

    while (line != NULL && *line != '\0') {
        size_t len = strcspn(line, "\n");

        take_line(s, line, len);
        line = line[len] == '\n' ? line + len + 1 : NULL;
    }
}
