/* SPDX-License-Identifier: MIT */
/*
 * The words of the tables in trace.h and err.h, and the version: for everything that prints, so
 * that the ladder, the captures and the counters say the same.
 */
#include "estab/estab.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PICK(table, i) ((i) < COUNT(table) ? (table)[i] : "?")

const char *
estab_state_name(unsigned state)
{
    static const char *const text[] = {
#define X(name, text) text,
        ESTAB_STATES(X)
#undef X
    };

    return PICK(text, state);
}

struct words {
    const char *name, *text, *rule;
};

static const struct words unknown = { "?", "?", "?" };

static const struct words *
verdict_words(unsigned i)
{
    static const struct words table[] = {
#define X(name, text, rule) { #name, text, rule },
        ESTAB_VERDICTS(X)
#undef X
    };

    return i < COUNT(table) ? &table[i] : &unknown;
}

static const struct words *
reason_words(unsigned i)
{
    static const struct words table[] = {
#define X(name, text, rule) { #name, text, rule },
        ESTAB_REASONS(X)
#undef X
    };

    return i < COUNT(table) ? &table[i] : &unknown;
}

static const struct words *
cause_words(unsigned i)
{
    static const struct words table[] = {
#define X(name, text, rule) { #name, text, rule },
        ESTAB_CAUSES(X)
#undef X
    };

    return i < COUNT(table) ? &table[i] : &unknown;
}

static const struct words *
recovery_words(unsigned i)
{
    static const struct words table[] = {
#define X(name, text, rule) { #name, text, rule },
        ESTAB_RECOVERIES(X)
#undef X
    };

    return i < COUNT(table) ? &table[i] : &unknown;
}

const char *
estab_verdict_name(unsigned verdict)
{
    return verdict_words(verdict)->name;
}

const char *
estab_verdict_text(unsigned verdict)
{
    return verdict_words(verdict)->text;
}

const char *
estab_verdict_rule(unsigned verdict)
{
    return verdict_words(verdict)->rule;
}

const char *
estab_reason_name(unsigned reason)
{
    return reason_words(reason)->name;
}

const char *
estab_reason_text(unsigned reason)
{
    return reason_words(reason)->text;
}

const char *
estab_reason_rule(unsigned reason)
{
    return reason_words(reason)->rule;
}

const char *
estab_cause_name(unsigned cause)
{
    return cause_words(cause)->name;
}

const char *
estab_cause_text(unsigned cause)
{
    return cause_words(cause)->text;
}

const char *
estab_cause_rule(unsigned cause)
{
    return cause_words(cause)->rule;
}

const char *
estab_recovery_name(unsigned recovery)
{
    return recovery_words(recovery)->name;
}

const char *
estab_recovery_text(unsigned recovery)
{
    return recovery_words(recovery)->text;
}

const char *
estab_recovery_rule(unsigned recovery)
{
    return recovery_words(recovery)->rule;
}

const char *
estab_timer_text(unsigned timer)
{
    static const char *const text[] = {
#define X(name, text) text,
        ESTAB_TIMERS(X)
#undef X
    };

    return PICK(text, timer);
}

const char *
estab_memory_text(unsigned memory)
{
    static const char *const text[] = {
#define X(name, text) text,
        ESTAB_MEMORY(X)
#undef X
    };

    return PICK(text, memory);
}

const char *
estab_call_text(unsigned call)
{
    static const char *const text[] = {
#define X(name, text) text,
        ESTAB_CALLS(X)
#undef X
    };

    return PICK(text, call);
}

const char *
estab_err_name(int err)
{
    switch (err < 0 ? -(unsigned)err : (unsigned)err) {
    case ESTAB_OK:
        return "OK";
#define X(name, value, text)                                                                       \
    case value:                                                                                    \
        return #name;
        ESTAB_ERRORS(X)
#undef X
    default:
        return "?";
    }
}

const char *
estab_err_text(int err)
{
    switch (err < 0 ? -(unsigned)err : (unsigned)err) {
    case ESTAB_OK:
        return "no error";
#define X(name, value, text)                                                                       \
    case value:                                                                                    \
        return text;
        ESTAB_ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}

const char *
estab_cc_name(unsigned cc)
{
    static const char *const text[] = {
#define X(name, number, text) [number] = text,
        ESTAB_CC_ALGORITHMS(X)
#undef X
    };

    return PICK(text, cc);
}

int
estab_cc_by_name(const char *name)
{
#define X(word, number, text)                                                                      \
    if (strcmp(name, text) == 0)                                                                   \
        return number;
    ESTAB_CC_ALGORITHMS(X)
#undef X
    return -ESTAB_EINVAL;
}

const char *
estab_version(void)
{
    return ESTAB_VERSION;
}
