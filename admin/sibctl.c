/* sibctl: the command line of sib. */
#include <time.h>

#include "admin/cli.h"

int main(int argc, char **argv)
{
    tzset();
    return sibctl_main(argc, argv, stdout, stderr);
}
