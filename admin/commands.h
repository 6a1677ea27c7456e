/* The functions behind the table of commands (command_table.c); each is one command of sibctl.
 *
 * Each is called with a parsed invocation: arguments and options are there as the table says.
 */
#ifndef SIB_ADMIN_COMMANDS_H
#define SIB_ADMIN_COMMANDS_H

#include "admin/command.h"

command_fn cmd_help;
command_fn cmd_mailbox_add, cmd_mailbox_set, cmd_mailbox_remove, cmd_mailbox_show,
    cmd_mailbox_list, cmd_mailbox_enable, cmd_mailbox_disable;
command_fn cmd_deposit;
command_fn cmd_message_list, cmd_message_show, cmd_message_audio, cmd_message_history;
command_fn cmd_message_read, cmd_message_unread, cmd_message_urgent, cmd_message_normal,
    cmd_message_subject, cmd_message_transcript, cmd_message_accept, cmd_message_delete,
    cmd_message_restore, cmd_message_purge;
command_fn cmd_sync_status, cmd_sync_test, cmd_sync_resync, cmd_sync_suspend, cmd_sync_resume;
command_fn cmd_queue_list, cmd_queue_retry, cmd_queue_drop;
command_fn cmd_cluster_status, cmd_alarm_list;

#endif
