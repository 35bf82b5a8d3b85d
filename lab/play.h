/* SPDX-License-Identifier: MIT */
/* Playing a lesson, with all rules of TCP and without some. */
#ifndef LAB_PLAY_H
#define LAB_PLAY_H

#include "cli/script_show.h"
#include "lab/lesson.h"

struct lab_play {
    struct script_look look;
    enum sim_script_language language;
    bool quiet; /* draws only what is not as it should be */
    bool mute;  /* draws nothing at all */
    bool side;  /* with `without`: the two ladders beside each other */
    bool step;  /* waits for Enter at each thing that is said */
    /* The rules that are taken away, with commas between them; NULL: none. */
    const char *without;
    const char *on; /* from this host alone; NULL: what the lesson says, or all */
};

/* 0: all was as expected; 1: not, and told on standard error; 2: `on` is no host. */
int lab_play(const struct lab_play *p, const struct lab_lesson *l);
/* With all rules, then without each of those that the lesson offers to take away; one line each. */
int lab_check(const struct lab_lesson *l, enum sim_script_language language, unsigned *plays);
/* The questions, and their answers. */
void lab_questions(const struct lab_lesson *l, enum sim_script_language language);

#endif
