/* SPDX-License-Identifier: MIT */
/* estab-lab, which `estab lab` starts: lists, plays and checks lessons. docs/lab.md. */
#include "cli/cli.h"
#include "cli/numbers.h"
#include "cli/terminal.h"
#include "cli/words.h"
#include "lab/lab.h"
#include "lab/play.h"
#include "lab/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum what { PLAY, LIST, LIST_RULES, QUESTIONS, CHECK, NEW };

struct options {
    struct lab_play play;
    enum what what;
    bool wants_ascii; /* whatever the locale says */
    const char *new_name;
    int n_names;
    char **names;
};

static void
help(void)
{
    printf(
        "usage: estab lab [OPTION]... [LESSON]...\n"
        "       estab lab --swarm [OPTION]...\n"
        "Without a lesson, lists the lessons. A lesson is played in virtual time and drawn as a\n"
        "ladder of both hosts, with what is said about it. LESSON is a name, a number or a\n"
        "file such as mine.lab; docs/lab.md is the reference.\n\n"
        "  --without RULES  again, without these rules of TCP: what is the harm?\n"
        "  --on HOST        take them from this host alone\n"
        "  --side           the two ladders beside each other: best with 163 columns or more\n"
        "  --questions      the questions of a lesson, with their answers\n"
        "  --lang LANG      en or zh; else LANG decides\n"
        "  --step           wait for Enter at each thing that is said\n"
        "  --ladder         draw the ladder alone, without what is said\n"
        "  --json           the trace records as JSON lines instead\n"
        "  --pcap FILE      write every packet to a pcapng file\n"
        "  --html FILE      write a page for a browser: connections, ladder, replay, plots\n"
        "  --width N        columns of the ladder, 80 to 200\n"
        "  --ascii          nothing but ASCII in the ladder\n"
        "  --no-color       no colours, as with NO_COLOR in the environment\n"
        "  --rules          the rules that can be taken away\n"
        "  --new NAME       write a lesson to begin with, NAME.lab\n"
        "  --check          play lessons, or all, with and without what they offer to take\n"
        "                   away, and draw only what is not as it should be\n"
        "  --swarm          random worlds that hunt our own bugs: --swarm --help\n"
        "  --help           this text\n\n"
        "Exit status: 0 everything was as expected, 1 something was not, or a file could not be\n"
        "read or is no lesson, 2 the command line is wrong.\n");
}

static int
usage_error(const char *option, const char *what)
{
    return estab_words_error("lab", option, what);
}

static int
check_rule_list(const char *list)
{
    for (const char *at = list; *at != '\0';) {
        size_t n = strcspn(at, ",");

        if (lab_rule_find(at, n) < 0) {
            fprintf(stderr,
                    "estab lab: %.*s: there is no such rule (estab lab --rules lists them)\n",
                    (int)(n < 60 ? n : 60), at);
            return 2;
        }
        at += n + (at[n] == ',');
    }
    return 0;
}

/* An option with a value; -1: it is none of these. */
static int
parse_with_value(struct options *o, char **argv, int argc, int *i)
{
    const char *value;
    uint64_t n;

    if (estab_words_value("--without", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--without", "a rule is wanted, or several with commas between");
        o->play.without = value;
        return check_rule_list(value);
    }
    if (estab_words_value("--on", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--on", "the name of a host is wanted");
        o->play.on = value;
    } else if (estab_words_value("--lang", argv, argc, i, &value)) {
        if (value != NULL && strcmp(value, "zh") == 0)
            o->play.language = SIM_SAY_CHINESE;
        else if (value != NULL && strcmp(value, "en") == 0)
            o->play.language = SIM_SAY_ENGLISH;
        else
            return usage_error("--lang", "en or zh is wanted");
    } else if (estab_words_value("--pcap", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--pcap", "the name of a file is wanted");
        o->play.look.pcap = value;
    } else if (estab_words_value("--html", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--html", "the name of a file is wanted");
        o->play.look.html = value;
    } else if (estab_words_value("--width", argv, argc, i, &value)) {
        if (value == NULL || !estab_parse_number(value, 80, 200, &n))
            return usage_error("--width", "a number of columns, 80 to 200, is wanted");
        o->play.look.width = (unsigned)n;
    } else if (estab_words_value("--new", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--new", "the name of the lesson is wanted");
        o->what = NEW;
        o->new_name = value;
    } else {
        return -1;
    }
    return 0;
}

static int
parse_option(struct options *o, char **argv, int argc, int *i)
{
    const char *arg = argv[*i];
    int status = parse_with_value(o, argv, argc, i);

    if (status >= 0)
        return status;
    if (strcmp(arg, "--step") == 0)
        o->play.step = true;
    else if (strcmp(arg, "--ladder") == 0)
        o->play.look.ladder_only = true;
    else if (strcmp(arg, "--json") == 0)
        o->play.look.json = true;
    else if (strcmp(arg, "--side") == 0)
        o->play.side = true;
    else if (strcmp(arg, "--quiet") == 0)
        o->play.quiet = true;
    else if (strcmp(arg, "--ascii") == 0)
        o->play.look.ascii = o->wants_ascii = true;
    else if (strcmp(arg, "--no-color") == 0 || strcmp(arg, "--no-colour") == 0)
        o->play.look.colour = false;
    else if (strcmp(arg, "--rules") == 0)
        o->what = LIST_RULES;
    else if (strcmp(arg, "--questions") == 0)
        o->what = QUESTIONS;
    else if (strcmp(arg, "--check") == 0)
        o->what = CHECK;
    else
        return usage_error(arg, "unknown option");
    return 0;
}

static enum sim_script_language
language_of_environment(void)
{
    static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && *value != '\0')
            return strncmp(value, "zh", 2) == 0 ? SIM_SAY_CHINESE : SIM_SAY_ENGLISH;
    }
    return SIM_SAY_ENGLISH;
}

/* 0, or the exit status. */
static int
parse(struct options *o, int argc, char **argv)
{
    *o = (struct options){ .what = PLAY, .names = argv };
    o->play.language = language_of_environment();
    o->play.look.colour = terminal_has_colour(STDOUT_FILENO);
    o->play.look.ascii = terminal_is_ascii_only();
    o->play.look.width = terminal_width(STDOUT_FILENO);
    for (int i = 1; i < argc; i++) {
        int status = 0;

        if (argv[i][0] != '-' || argv[i][1] == '\0')
            o->names[o->n_names++] = argv[i]; /* never beyond the one that is being read */
        else
            status = parse_option(o, argv, argc, &i);
        if (status != 0)
            return status;
    }
    /* Who asks for Chinese can read it. */
    if (o->play.language == SIM_SAY_CHINESE && !o->wants_ascii)
        o->play.look.ascii = false;
    if (o->n_names == 0 && o->what == PLAY)
        o->what = LIST;
    if (o->n_names == 0 && o->what == LIST &&
        (o->play.without != NULL || o->play.look.pcap != NULL || o->play.look.html != NULL))
        return usage_error("LESSON", "which one?");
    if (o->n_names == 0 && o->what == QUESTIONS)
        return usage_error("--questions", "of which lesson?");
    if (o->play.look.pcap != NULL && (o->n_names > 1 || o->play.without != NULL))
        return usage_error("--pcap", "goes with one lesson and all rules");
    if (o->play.look.html != NULL && (o->n_names > 1 || o->play.without != NULL))
        return usage_error("--html", "goes with one lesson and all rules");
    if (o->play.side && (o->play.without == NULL || o->play.look.json || o->play.step))
        return usage_error("--side", "goes with --without, and not with --json or --step");
    if (o->play.side) /* each has half */
        o->play.look.width = o->play.look.width > 163 ? (o->play.look.width - 3) / 2 : 80;
    if (o->play.on != NULL && o->play.without == NULL)
        return usage_error("--on", "goes with --without");
    return 0;
}

/* ---- what is asked for ---- */

static void
list_one(const struct lab_lesson *l, enum sim_script_language language)
{
    size_t len;
    const char *title = lab_text(l, l->script->title, language, &len);
    const char *before = "  ";

    printf("%3u  %-18s %.*s", (unsigned)l->script->lesson, l->name, (int)len, title);
    for (unsigned n = 1; n <= SIM_SCRIPT_CLAIMS; n++) {
        if ((l->script->claims >> n & 1) == 0)
            continue;
        printf("%sN%u", before, n);
        before = " ";
    }
    printf("\n");
}

/* All lessons, listed or checked. */
static int
for_all(const struct options *o)
{
    struct lab_lesson *all = calloc(LAB_LESSONS, sizeof *all);
    struct failure why = { "out of memory" };
    unsigned n = 0, bad = 1, plays = 0;
    int status = all != NULL ? lab_read_all(all, &n, &bad, &why) : -1;

    if (status < 0)
        fprintf(stderr, "estab lab: %s\n", why.text);
    status = bad > 0 || status < 0;
    for (unsigned i = 0; i < n; i++) {
        if (o->what == LIST)
            list_one(&all[i], o->play.language);
        else
            status |= lab_check(&all[i], o->play.language, &plays);
        lab_forget(&all[i]);
    }
    free(all);
    if (o->what == CHECK && status == 0)
        printf("ok    %u lessons, %u plays\n", n, plays);
    return status;
}

static int
for_one(const struct options *o, const char *name)
{
    struct failure why;
    struct lab_lesson l;
    unsigned plays = 0;
    int status = 0;

    if (lab_find(&l, name, &why) < 0 || lab_read(&l, &why) < 0) {
        /* a place in a file speaks for itself */
        fprintf(stderr, "%s%s\n",
                strncmp(why.text, l.path, strlen(l.path)) == 0 ? "" : "estab lab: ", why.text);
        return 1;
    }
    if (o->what == QUESTIONS)
        lab_questions(&l, o->play.language);
    else if (o->what == CHECK)
        status = lab_check(&l, o->play.language, &plays);
    else
        status = lab_play(&o->play, &l);
    lab_forget(&l);
    return status;
}

static void
list_rules(void)
{
    for (unsigned i = 0; i < lab_rules_count(); i++) {
        struct lab_rule r = lab_rule(i);

        printf("%-22s %s (%s)\n", r.name, r.text, r.cited);
    }
}

int
main(int argc, char **argv)
{
    struct options o;
    int status;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--swarm") == 0)
            return lab_swarm(argc, argv);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        help();
        return 0;
    }
    status = parse(&o, argc, argv);
    if (status != 0)
        return status;
    if (o.what == LIST_RULES)
        list_rules();
    else if (o.what == NEW)
        status = lab_new(o.new_name);
    else if (o.n_names == 0)
        status = for_all(&o);
    for (int i = 0; i < o.n_names && o.what != NEW && o.what != LIST_RULES; i++) {
        int one = for_one(&o, o.names[i]);

        status = one > status ? one : status;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "estab lab: cannot write to standard output\n");
        return 1;
    }
    return status;
}
