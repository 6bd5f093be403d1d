/* sipe-client: a headless Lync client, libpurple with the SIPE plugin. It signs in, lists the rooms,
 * joins one, shows its participants and history, and can post to it. This project did not write SIPE,
 * so what it accepts counts.
 *
 * Debian packages: pidgin-sipe libpurple-dev libxml2-dev gcc pkg-config
 * Build: cc -rdynamic -o sipe-client sipe-client.c $(pkg-config --cflags --libs purple libxml-2.0) -ldl
 * Run:   sipe-client USER@DOMAIN LOGIN PASSWORD HOST:PORT tls|tcp ROOM-URI SECONDS [TEXT] [ntlm|krb5|tls-dsk]
 *        LOGIN is DOMAIN\user, ROOM-URI is ma-chan://...; it leaves, signs off and ends after SECONDS,
 *        or at SIGTERM.
 * Prints one line per event: SIGNED-ON, ROOM, JOINED, PARTICIPANT, MESSAGE, REQUEST, NOTIFY, ERROR.
 * Environment: GROUPCHAT_USER (the chat server, when provisioning does not name it), SIPE_UA (user
 * agent to present), SIPE_DEBUG=1 (all that SIPE logs, SIP messages included), TMPDIR.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib-unix.h>
#include <glib.h>
#include <libpurple/purple.h>
#include <libxml/parser.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define UI_NAME "sipe-client"
/* SIPE asks for the chat server's address after it has signed on; a room joined earlier is lost. */
#define ROOMS_AFTER_MS 2000
#define JOIN_AFTER_MS 3500
#define SAY_AFTER_MS 1500
#define LEAVE_BEFORE_END_S 4
#define SIGN_OFF_BEFORE_END_S 2
#define SIGN_OFF_TAKES_MS 1000

static GMainLoop *loop;
static PurpleAccount *account;
static PurpleConversation *conversation;
static const char *room;
static const char *text;

static void event(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/* Debian 12's libxml2 gives a SAX2 handler no SAX1 callbacks, and SIPE 1.25.0 registers exactly that
 * mix: every XML body that it receives would parse to nothing. This stands before libxml2's function
 * and marks the handler as what it is, a SAX1 handler. */
int xmlSAXUserParseMemory(xmlSAXHandlerPtr sax, void *user, const char *buffer, int size) {
    int (*real)(xmlSAXHandlerPtr, void *, const char *, int) = dlsym(RTLD_NEXT, "xmlSAXUserParseMemory");
    if (!sax || sax->startElementNs || sax->endElementNs || !sax->startElement)
        return real(sax, user, buffer, size);
    xmlSAXHandler plain = *sax;
    plain.initialized = 1;
    return real(&plain, user, buffer, size);
}

/* libpurple's event loop on GLib's. */

typedef struct {
    PurpleInputFunction function;
    gpointer data;
} Watch;

static gboolean on_io(GIOChannel *channel, GIOCondition condition, gpointer data) {
    Watch *watch = data;
    PurpleInputCondition purple = 0;
    if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR))
        purple |= PURPLE_INPUT_READ;
    if (condition & (G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL))
        purple |= PURPLE_INPUT_WRITE;
    watch->function(watch->data, g_io_channel_unix_get_fd(channel), purple);
    return TRUE;
}

static guint watch_io(gint fd, PurpleInputCondition purple, PurpleInputFunction function, gpointer data) {
    Watch *watch = g_new0(Watch, 1);
    watch->function = function;
    watch->data = data;
    GIOCondition condition = 0;
    if (purple & PURPLE_INPUT_READ)
        condition |= G_IO_IN | G_IO_HUP | G_IO_ERR;
    if (purple & PURPLE_INPUT_WRITE)
        condition |= G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL;
    GIOChannel *channel = g_io_channel_unix_new(fd);
    guint id = g_io_add_watch_full(channel, G_PRIORITY_DEFAULT, condition, on_io, watch, g_free);
    g_io_channel_unref(channel);
    return id;
}

static PurpleEventLoopUiOps loop_ops = {
    .timeout_add = g_timeout_add,
    .timeout_remove = g_source_remove,
    .input_add = watch_io,
    .input_remove = g_source_remove,
    .timeout_add_seconds = g_timeout_add_seconds,
};

/* What is done. */

static gboolean list_rooms(gpointer data) {
    PurpleConnection *connection = purple_account_get_connection(account);
    if (connection)
        purple_roomlist_get_list(connection);
    return FALSE;
}

static gboolean join_room(gpointer data) {
    PurpleConnection *connection = purple_account_get_connection(account);
    if (!connection)
        return FALSE;
    GHashTable *parts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    g_hash_table_insert(parts, "uri", g_strdup(room));
    serv_join_chat(connection, parts);
    g_hash_table_destroy(parts);
    return FALSE;
}

static gboolean say(gpointer data) {
    if (text && conversation)
        purple_conv_chat_send(PURPLE_CONV_CHAT(conversation), text);
    return FALSE;
}

static gboolean leave_room(gpointer data) {
    if (conversation)
        purple_conversation_destroy(conversation);
    conversation = NULL;
    return FALSE;
}

static gboolean sign_off(gpointer data) {
    purple_account_set_enabled(account, UI_NAME, FALSE);
    return FALSE;
}

static gboolean end(gpointer data) {
    g_main_loop_quit(loop);
    return FALSE;
}

static gboolean on_sigterm(gpointer data) {
    leave_room(NULL);
    sign_off(NULL);
    g_timeout_add(SIGN_OFF_TAKES_MS, end, NULL);
    return FALSE;
}

/* What is seen. */

static void on_signed_on(PurpleConnection *connection, gpointer data) {
    event("SIGNED-ON %s", purple_account_get_username(connection->account));
    g_timeout_add(ROOMS_AFTER_MS, list_rooms, NULL);
    g_timeout_add(JOIN_AFTER_MS, join_room, NULL);
}

static void on_error(PurpleConnection *connection, PurpleConnectionError code, const char *why, gpointer data) {
    event("ERROR %d %s", code, why);
    g_main_loop_quit(loop);
}

static void on_joined(PurpleConversation *joined, gpointer data) {
    conversation = joined;
    event("JOINED %s (%s)", purple_conversation_get_title(joined), purple_conversation_get_name(joined));
    g_timeout_add(SAY_AFTER_MS, say, NULL);
}

static void on_message(PurpleAccount *a, char *who, char *message, PurpleConversation *c,
                       PurpleMessageFlags flags, gpointer data) {
    event("MESSAGE %s: %s", who, message);
}

static void on_participant(PurpleConversation *c, const char *name, PurpleConvChatBuddyFlags flags,
                           gboolean new_arrival, gpointer data) {
    event("PARTICIPANT %s", name);
}

static void on_room(PurpleRoomlist *list, PurpleRoomlistRoom *found) {
    event("ROOM %s", purple_roomlist_room_get_name(found));
}

static void no_list(PurpleRoomlist *list) {}
static void no_fields(PurpleRoomlist *list, GList *fields) {}
static void no_progress(PurpleRoomlist *list, gboolean going) {}
static PurpleRoomlistUiOps roomlist_ops = {
    .create = no_list,
    .set_fields = no_fields,
    .add_room = on_room,
    .in_progress = no_progress,
    .destroy = no_list,
};

/* SIPE asks whether to trust a certificate that the system does not know; the first answer is yes. */
static void *on_request(const char *title, const char *primary, const char *secondary, int default_action,
                        PurpleAccount *a, const char *who, PurpleConversation *c, void *user,
                        size_t actions, va_list list) {
    event("REQUEST %s | %s", primary ? primary : "", secondary ? secondary : "");
    if (!actions)
        return NULL;
    const char *label = va_arg(list, char *);
    PurpleRequestActionCb accept = va_arg(list, PurpleRequestActionCb);
    event("  accept: %s", label);
    if (accept)
        accept(user, 0);
    return NULL;
}
static PurpleRequestUiOps request_ops = {.request_action = on_request};

static void *on_notify(PurpleNotifyMsgType type, const char *title, const char *primary, const char *secondary) {
    event("NOTIFY %s | %s | %s", title ? title : "", primary ? primary : "", secondary ? secondary : "");
    return NULL;
}
static PurpleNotifyUiOps notify_ops = {.notify_message = on_notify};

/* The start. */

static void prepare_ui(void) {
    purple_roomlist_set_ui_ops(&roomlist_ops);
    purple_request_set_ui_ops(&request_ops);
    purple_notify_set_ui_ops(&notify_ops);
}
static PurpleCoreUiOps core_ops = {.ui_init = prepare_ui};

static void connect_signals(void) {
    static int us;
    void *connections = purple_connections_get_handle();
    void *conversations = purple_conversations_get_handle();
    purple_signal_connect(connections, "signed-on", &us, PURPLE_CALLBACK(on_signed_on), NULL);
    purple_signal_connect(connections, "connection-error", &us, PURPLE_CALLBACK(on_error), NULL);
    purple_signal_connect(conversations, "chat-joined", &us, PURPLE_CALLBACK(on_joined), NULL);
    purple_signal_connect(conversations, "received-chat-msg", &us, PURPLE_CALLBACK(on_message), NULL);
    purple_signal_connect(conversations, "chat-buddy-joined", &us, PURPLE_CALLBACK(on_participant), NULL);
}

static void prepare_account(char **arguments, const char *authentication) {
    char *user = g_strdup_printf("%s,%s", arguments[1], arguments[2]);
    account = purple_account_new(user, "prpl-sipe");
    g_free(user);
    purple_account_set_password(account, arguments[3]);
    purple_account_set_string(account, "server", arguments[4]);
    purple_account_set_string(account, "transport", arguments[5]);
    purple_account_set_string(account, "authentication", authentication);
    purple_account_set_bool(account, "sso", FALSE);
    if (getenv("GROUPCHAT_USER"))
        purple_account_set_string(account, "groupchat_user", getenv("GROUPCHAT_USER"));
    if (getenv("SIPE_UA"))
        purple_account_set_string(account, "useragent", getenv("SIPE_UA"));
    purple_accounts_add(account);
}

int main(int count, char **arguments) {
    if (count < 8) {
        fprintf(stderr, "usage: %s USER@DOMAIN LOGIN PASSWORD HOST:PORT tls|tcp ROOM-URI SECONDS [TEXT] "
                        "[ntlm|krb5|tls-dsk]\n", arguments[0]);
        return 2;
    }
    char *directory = g_dir_make_tmp("sipe-XXXXXX", NULL);
    if (!directory)
        return 1;
    loop = g_main_loop_new(NULL, FALSE);
    purple_util_set_user_dir(directory);
    gboolean debug = getenv("SIPE_DEBUG") != NULL;
    purple_debug_set_enabled(debug);
    purple_debug_set_verbose(debug);
    purple_core_set_ui_ops(&core_ops);
    purple_eventloop_set_ui_ops(&loop_ops);
    if (!purple_core_init(UI_NAME))
        return 1;
    purple_set_blist(purple_blist_new());

    prepare_account(arguments, count > 9 ? arguments[9] : "ntlm");
    room = arguments[6];
    text = count > 8 && arguments[8][0] ? arguments[8] : NULL;
    connect_signals();
    purple_account_set_enabled(account, UI_NAME, TRUE);
    purple_savedstatus_activate(purple_savedstatus_new(NULL, PURPLE_STATUS_AVAILABLE));

    int seconds = MAX(atoi(arguments[7]), LEAVE_BEFORE_END_S);
    g_timeout_add_seconds(seconds - LEAVE_BEFORE_END_S, leave_room, NULL);
    g_timeout_add_seconds(seconds - SIGN_OFF_BEFORE_END_S, sign_off, NULL);
    g_timeout_add_seconds(seconds, end, NULL);
    g_unix_signal_add(SIGTERM, on_sigterm, NULL);
    g_main_loop_run(loop);
    return 0;
}
