/* SPDX-License-Identifier: MIT */
/*
 * estab lab: starts estab-lab, a program of its own because only its library can switch rules of
 * TCP off. It stands beside this one, or in PATH.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "estab-lab"

int
estab_cmd_lab(int argc, char **argv)
{
    char path[4096 + sizeof PROGRAM], name[] = PROGRAM;
    ssize_t n = readlink("/proc/self/exe", path, 4096);
    char *slash;

    (void)argc;
    argv[0] = name;
    if (n > 0 && n < 4096) {
        path[n] = '\0';
        slash = strrchr(path, '/');
        if (slash != NULL) {
            memcpy(slash + 1, PROGRAM, sizeof PROGRAM);
            execv(path, argv);
        }
    }
    execvp(PROGRAM, argv);
    fprintf(stderr, "estab lab: cannot start " PROGRAM ", which should stand beside estab: %s\n",
            strerror(errno));
    return 1;
}
