/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"
int
lab_swarm(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 2;
}
