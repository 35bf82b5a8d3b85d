/* SPDX-License-Identifier: MIT */
/* Lessons as files: where they are, and reading one. */
#ifndef LAB_LESSON_H
#define LAB_LESSON_H

#include "drivers/failure.h"
#include "sim/script.h"

enum { LAB_PATH = 4096, LAB_LESSONS = 256 };

struct lab_lesson {
    char name[64];
    char path[LAB_PATH];
    char *text;
    size_t len;
    struct sim_script *script; /* NULL: not read */
};

/* The directory of the lessons: $ESTAB_LAB_DIR, or beside the program. -1: none was found. */
int lab_directory(char path[LAB_PATH], struct failure *why);
/* Finds a lesson by its name, its number or as the path of a file. -1: why. */
int lab_find(struct lab_lesson *l, const char *name, struct failure *why);
/* Reads and understands it; what is wrong in it is in `why` as FILE:LINE:COLUMN: TEXT. */
int lab_read(struct lab_lesson *l, struct failure *why);
void lab_forget(struct lab_lesson *l);
/* All lessons of the directory that can be read, by their numbers; those that cannot are told on
 * standard error and counted in `bad`. -1: the directory could not be read. */
int lab_read_all(struct lab_lesson *lessons, unsigned *n, unsigned *bad, struct failure *why);
/* A text in the language, or in the one there is; never NULL. */
const char *lab_text(const struct lab_lesson *l, const struct sim_script_text texts[3],
                     enum sim_script_language language, size_t *len);

#endif
