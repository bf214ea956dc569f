//! The table of metric families: name, type, labels and help text stand here and nowhere else.
//!
//! Enters: nothing. Leaves: [`Families`] and [`TABLE`]. Never: a family outside the table.

use prometheus::{CounterVec, GaugeVec, IntCounterVec, Opts, Registry};

/// Type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Name with prefix and unit.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Label names.
    pub labels: &'static [&'static str],
    /// Help text.
    pub help: &'static str,
}

macro_rules! families {
    ($($field:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        /// Every family, registered.
        pub struct Families {
            $(#[doc = $help] pub $field: families!(@type $kind)),+
        }

        /// Every family, as data.
        pub const TABLE: &[Family] = &[$(Family {
            name: $name, kind: families!(@kind $kind), labels: &[$($label),*], help: $help,
        }),+];

        impl Families {
            /// Registers the whole table.
            ///
            /// # Panics
            /// When the table holds a bad or double name: the program is wrong, not its input.
            pub fn new(registry: &Registry) -> Self {
                Self { $($field: {
                    let labels: &[&str] = &[$($label),*];
                    let family = <families!(@type $kind)>::new(Opts::new($name, $help), labels)
                        .expect("the table holds good names");
                    registry.register(Box::new(family.clone())).expect("no name stands twice");
                    if labels.is_empty() {
                        let _ = family.with_label_values::<&str>(&[]);
                    }
                    family
                }),+ }
            }
        }
    };
    (@kind Seconds) => { Kind::Counter };
    (@kind $kind:ident) => { Kind::$kind };
    (@type Counter) => { IntCounterVec };
    // A counter with fractions.
    (@type Seconds) => { CounterVec };
    (@type Gauge) => { GaugeVec };
}

families! {
    // Frames
    frames: Counter "poortwacht_frames_total" ["interface"]
        "Frames seen.";
    wire_bytes: Counter "poortwacht_wire_bytes_total" ["interface"]
        "Bytes on the wire of the frames seen.";
    excluded_frames: Counter "poortwacht_excluded_frames_total" ["interface"]
        "Frames dropped unread because the config excludes their source or destination. Where the kernel filter excludes them already, they never arrive and are not counted.";
    cut_short_frames: Counter "poortwacht_cut_short_frames_total" ["interface"]
        "Frames of which the capture kept only the beginning.";
    kernel_dropped_frames: Counter "poortwacht_kernel_dropped_frames_total" ["interface"]
        "Frames that the kernel dropped because the ring was full.";
    ring_freezes: Counter "poortwacht_ring_freezes_total" ["interface"]
        "Times the capture ring stood still because it was full.";
    interface_errors: Counter "poortwacht_interface_errors_total" ["interface"]
        "Receive errors and drops of the interface, below the capture socket.";
    interface_downs: Counter "poortwacht_interface_downs_total" ["interface"]
        "Times a worker saw its interface go down or disappear.";
    interface_up: Gauge "poortwacht_interface_up" ["interface"]
        "1 while the interface is up, 0 while it is down or gone and nothing is captured.";
    broken_blocks: Counter "poortwacht_ring_broken_blocks_total" ["interface"]
        "Ring blocks left before their end because they contradict themselves.";
    prefilter: Gauge "poortwacht_prefilter" ["interface", "kind"]
        "1 for the kind of kernel filter that stands before the workers of the interface, 0 for the others.";
    shed_frames: Counter "poortwacht_prefilter_shed_frames_total" ["interface", "reason"]
        "Frames that the kernel's eBPF filter kept back, or of which it kept the headers, by reason.";
    shed_bytes: Counter "poortwacht_prefilter_shed_bytes_total" ["interface", "reason"]
        "Bytes of those frames that did not reach the sensor, by reason.";
    verdicts: Counter "poortwacht_prefilter_verdicts_total" ["interface", "fate"]
        "Flows of which the sensor told the kernel's filter what it reads no more, by what became of it.";
    xdp_lost: Counter "poortwacht_xdp_lost_frames_total" ["interface", "place"]
        "Frames that AF_XDP dropped, by place; they are among those that the kernel dropped.";
    malformed_frames: Counter "poortwacht_malformed_frames_total" ["reason"]
        "Frames that could not be decoded, by reason.";
    ignored_frames: Counter "poortwacht_ignored_frames_total" ["reason"]
        "Well-formed frames that carry nothing which is read, by reason.";
    fragments: Counter "poortwacht_fragments_total" ["fate"]
        "IP fragments and datagrams made of them, by what became of them.";
    tunnels: Counter "poortwacht_tunnels_total" ["kind"]
        "Layers of links and tunnels taken off frames, by kind.";
    excluded_prefixes: Gauge "poortwacht_excluded_prefixes" []
        "Address prefixes that the config excludes from being read.";

    // Names and connections
    names: Counter "poortwacht_names_total" ["seen"]
        "Names read, matched or not, by how they were seen.";
    malformed_messages: Counter "poortwacht_malformed_messages_total" ["reason"]
        "DNS messages, hellos and requests that could not be read, or not wholly, by reason.";
    local_names: Counter "poortwacht_local_name_messages_total" ["protocol"]
        "Messages of name protocols of the local net, which are counted and not read.";
    ways_round: Counter "poortwacht_ways_round_total" ["kind"]
        "Ways round seen: look-ups and connections by which names are hidden, by kind, not by person.";
    desync: Counter "poortwacht_desync_total" ["kind"]
        "TCP segments on undecided connections that a receiver will not take, or that can be read in more than one way, by sign.";
    smtp_senders: Counter "poortwacht_smtp_senders_total" []
        "Senders of mails in SMTP in clear, matched or not.";
    smtp_mails: Counter "poortwacht_smtp_mails_total" []
        "Mails of vendors seen in SMTP in clear, by recipient.";
    presence_messages: Counter "poortwacht_presence_messages_total" ["protocol"]
        "Messages read that tell who is behind an address, by protocol.";
    presence_malformed: Counter "poortwacht_presence_malformed_total" ["reason"]
        "Messages of these protocols that could not be read, by reason.";
    presence_withheld: Counter "poortwacht_presence_withheld_total" ["reason"]
        "Messages of these protocols that told nothing though they are of the kind that does, by reason.";
    connections: Counter "poortwacht_connections_total" ["transport", "outcome"]
        "New connections by whether their name could be told, and if not, why: the coverage.";
    hits: Counter "poortwacht_hits_total" ["seen"]
        "Names that matched a rule for vendor hosts, by how they were seen.";
    vendor_hits: Counter "poortwacht_vendor_hits_total" ["vendor"]
        "Hits by vendor, repeats included.";
    context_names: Counter "poortwacht_context_names_total" ["seen"]
        "Names that matched a supplier, dual-use or context entry: counted, no finding.";
    support: Counter "poortwacht_support_names_total" ["seen"]
        "Those of them told as support, because the same client had made a hit within 30 seconds.";
    joins_unsure: Counter "poortwacht_unsure_joins_total" []
        "Connections without a name to an address that a vendor's name had led to, not told because too many names share it.";
    allowed_names: Counter "poortwacht_allowed_names_total" []
        "Matches silenced by the allow-list.";

    // Flows and workers
    flows: Gauge "poortwacht_flows" ["worker", "interface"]
        "Entries in use in the worker's flow table.";
    watched_flows: Gauge "poortwacht_watched_flows" ["worker", "interface"]
        "Flows that made a hit and whose exchanges are counted now.";
    watched_given_up: Counter "poortwacht_watched_flows_given_up_total" []
        "Watched flows given up because others needed their place.";
    bursts: Counter "poortwacht_bursts_total" ["transport"]
        "Exchanges on watched flows told: what went up and down between two rests.";
    pool_copied_bytes: Counter "poortwacht_pool_copied_bytes_total" []
        "Bytes copied to buffers because a name did not lie within one frame.";
    pool_empty: Counter "poortwacht_pool_empty_total" []
        "Times no buffer was free to put a stream together in.";
    worker_heartbeat: Gauge "poortwacht_worker_heartbeat_timestamp_seconds" ["worker", "interface"]
        "When the worker last told its counts, since the epoch.";
    worker_packet: Gauge "poortwacht_worker_packet_timestamp_seconds" ["worker", "interface"]
        "Time of the worker's newest frame, since the epoch.";
    events_dropped: Counter "poortwacht_events_dropped_total" []
        "Events lost between sensor and desk because the queue was full.";
    sensor_up: Gauge "poortwacht_sensor_up" []
        "1 while the sensor runs with its sources open and its list loaded.";
    confined: Gauge "poortwacht_confined" ["process", "guard"]
        "1 for each guard that was tried in a process once its work was set up, and held.";
    sources_ended: Counter "poortwacht_sources_ended_total" []
        "File sources that came to their end.";

    // The list
    list_info: Gauge "poortwacht_list_info" ["version"]
        "1, with the version of the list in force.";
    list_rules: Gauge "poortwacht_list_rules" []
        "Rules in the list in force.";
    list_vendors: Gauge "poortwacht_list_vendors" []
        "Vendors in the list in force.";
    list_modified: Gauge "poortwacht_list_modified_timestamp_seconds" []
        "Newest modification time among the files of the list in force, since the epoch.";
    list_loaded: Gauge "poortwacht_list_loaded_timestamp_seconds" []
        "When the list in force was loaded, since the epoch.";
    list_reloads: Counter "poortwacht_list_reloads_total" ["result"]
        "Reloads of the list: carried out, or refused while the old list stayed.";

    // Records and the hit log
    hit_records: Counter "poortwacht_hit_records_total" ["action"]
        "Records made: first hits (name-seen) and summaries of repeats (name-seen-again).";
    hits_folded: Counter "poortwacht_hits_folded_total" []
        "Hits that went into the count of a summary.";
    events_refused: Counter "poortwacht_events_refused_total" []
        "Events from the sensor that the desk did not take because they cannot be true.";
    repeated: Counter "poortwacht_repeated_total" ["what"]
        "What was seen at two points, or twice at one, and counted once, by what it was; `late`: hits told twice because the one near the client came too late.";
    fold_windows: Gauge "poortwacht_fold_windows" []
        "Windows open to fold repeats in.";
    fold_windows_closed_early: Counter "poortwacht_fold_windows_closed_early_total" []
        "Windows closed before their time because their table was full.";
    hit_records_lost: Counter "poortwacht_hit_records_lost_total" ["reason"]
        "Records that never reached the hit log, by reason.";
    hit_log_lines: Counter "poortwacht_hit_log_lines_total" []
        "Lines written to the hit log.";
    hit_log_bytes: Counter "poortwacht_hit_log_bytes_total" []
        "Bytes written to the hit log.";
    hit_log_errors: Counter "poortwacht_hit_log_errors_total" ["operation"]
        "Failed operations on the hit log, by operation.";
    hit_log_rotations: Counter "poortwacht_hit_log_rotations_total" []
        "New hit log files begun for size or age.";
    hit_log_reopens: Counter "poortwacht_hit_log_reopens_total" []
        "Times the hit log was opened again because its file had been moved away.";
    hit_log_torn_lines: Counter "poortwacht_hit_log_torn_lines_total" []
        "Half lines found at the end of the hit log (a crash) and cut back.";
    hit_log_queue_lines: Gauge "poortwacht_hit_log_queue_lines" []
        "Records waiting because the hit log cannot be written.";
    hit_log_queue_bytes: Gauge "poortwacht_hit_log_queue_bytes" []
        "Bytes of the records waiting.";
    hit_log_writable: Gauge "poortwacht_hit_log_writable" []
        "1 while the hit log can be written.";
    hit_log_free_bytes: Gauge "poortwacht_hit_log_free_bytes" []
        "Bytes free on the file system of the hit log.";

    // The record
    ledger_entries: Counter "poortwacht_ledger_entries_total" ["kind"]
        "Entries forced to the disk of the ledger, by kind.";
    ledger_commits: Counter "poortwacht_ledger_commits_total" []
        "Group commits to the ledger.";
    ledger_commit_seconds: Gauge "poortwacht_ledger_commit_seconds" []
        "How long the newest group commit took.";
    ledger_failures: Counter "poortwacht_ledger_write_failures_total" []
        "Group commits that failed and are tried again.";
    ledger_writable: Gauge "poortwacht_ledger_writable" []
        "1 while the ledger can be written, or none is kept; 0 while nothing is acknowledged.";
    ledger_size: Gauge "poortwacht_ledger_size" []
        "Entries in the ledger, those whose payload was deleted included.";
    ledger_waiting: Gauge "poortwacht_ledger_waiting" []
        "Hits and changes in line for the ledger.";
    ledger_lost: Counter "poortwacht_ledger_lost_total" ["reason"]
        "Hits that never reached the ledger, by reason.";
    ledger_expired: Counter "poortwacht_ledger_expired_total" []
        "Payloads that retention deleted.";
    store_behind: Gauge "poortwacht_store_behind_entries" []
        "Entries of the ledger that the store does not hold yet.";
    store_failures: Counter "poortwacht_store_failures_total" []
        "Attempts to bring entries into the store that failed and are made again.";

    // Cases and alerts
    cases: Gauge "poortwacht_cases" ["vendor", "stage", "standing"]
        "Open cases whose subject is not ambiguous, by vendor, highest stage shown and standing.";
    casefile_cases: Gauge "poortwacht_casefile_cases" []
        "Cases in the case file, closed ones included.";
    casefile_bytes: Gauge "poortwacht_casefile_bytes" []
        "Length of the journal of cases.";
    casefile_writable: Gauge "poortwacht_casefile_writable" []
        "1 while cases can be written, 0 while they wait in memory.";
    casefile_writes: Counter "poortwacht_casefile_writes_total" []
        "Revisions of cases and sealed records written to the case file.";
    casefile_failures: Counter "poortwacht_casefile_write_failures_total" []
        "Writes to the case file that failed and are tried again.";
    casefile_torn_lines: Counter "poortwacht_casefile_torn_lines_total" []
        "Half lines found at the end of the journal of cases (a crash) and cut off.";
    casefile_broken_lines: Counter "poortwacht_casefile_broken_lines_total" []
        "Lines of the journal of cases that could not be read, and were set aside.";
    casefile_rewrites: Counter "poortwacht_casefile_rewrites_total" []
        "Times the journal of cases was rewritten without what is superseded.";
    casefile_deleted: Counter "poortwacht_casefile_deleted_cases_total" []
        "Closed cases deleted because their time was over.";
    alerts: Counter "poortwacht_alerts_total" ["stage"]
        "Alerts raised, by the stage that they are about.";
    alerts_retracted: Counter "poortwacht_alerts_retracted_total" ["stage"]
        "Alerts retracted, by the stage that they were about.";
    alerts_delivered: Counter "poortwacht_alerts_delivered_total" ["sink"]
        "Alerts, retractions and (hit log) resolutions that a sink took.";
    alerts_waiting: Gauge "poortwacht_alerts_waiting" ["sink"]
        "Alerts that a sink has not taken yet.";
    alerts_oldest: Gauge "poortwacht_alerts_oldest_waiting_seconds" ["sink"]
        "For how long the oldest of them has waited.";
    alerts_standing: Gauge "poortwacht_alerts_standing" []
        "Alerts that Alertmanager knows and is told of again and again.";
    alert_attempts_failed: Counter "poortwacht_alert_attempts_failed_total" ["sink", "reason"]
        "Attempts to bring alerts to a sink that failed, by reason.";
    alerts_dead: Gauge "poortwacht_alerts_dead" []
        "Alerts that Alertmanager will never take, kept for somebody to look at.";
    alerts_refused: Counter "poortwacht_alerts_refused_total" []
        "Alerts not taken into the spool, which was at its bound; they wait in memory.";
    alert_write_failures: Counter "poortwacht_alert_write_failures_total" []
        "Alerts that could not be written to the spool; they wait in memory.";
    alert_spool_bytes: Gauge "poortwacht_alert_spool_bytes" []
        "Bytes of the alerts in the spool.";
    sink_failing: Gauge "poortwacht_sink_failing" ["sink"]
        "1 while the last attempt to bring alerts to a sink failed, 0 otherwise.";
    sink_dead: Gauge "poortwacht_sink_dead" ["sink"]
        "Alerts that a sink will never take, kept for somebody to look at.";
    sink_lost: Counter "poortwacht_sink_lost_total" ["sink", "reason"]
        "Alerts that a sink will never get, by reason.";
    sink_folded: Counter "poortwacht_sink_folded_total" ["sink"]
        "Alerts that a sink was told the count of instead of each, by its throttle.";

    // Identity and feeds
    identity_intervals: Gauge "poortwacht_identity_facts" []
        "Facts in memory about who held which address.";
    identity_translations: Gauge "poortwacht_identity_translations" []
        "Address translations in memory.";
    identity_refused: Counter "poortwacht_identity_refused_total" ["reason"]
        "Facts, or the user names in them, that were not taken in, by reason.";
    identity_evicted: Counter "poortwacht_identity_evicted_total" []
        "Facts that went before their time because memory was at its bound.";
    identity_disputed: Counter "poortwacht_identity_disputed_total" []
        "Log lines whose time ran backwards, so that nobody is named by them.";
    identity_ambiguous: Counter "poortwacht_identity_ambiguous_total" []
        "Answers that several may be meant.";
    case_evidence_lost: Counter "poortwacht_case_evidence_lost_total" ["what"]
        "Cases and evidence not kept because a bound was reached, by what.";
    hit_frames: Counter "poortwacht_hit_frames_total" ["fate"]
        "Frames of hits that got a record, by what became of them: sealed for the officers, or why not.";
    feed_lines: Counter "poortwacht_feed_lines_total" ["feed", "what"]
        "What was read of a feed: lines, events made of them, malformed ones, events dropped.";
    feed_open: Gauge "poortwacht_feed_open" ["feed"]
        "1 while the feed can be read.";
    feed_lag: Gauge "poortwacht_feed_lag_bytes" ["feed"]
        "Bytes of the feed that are not read yet.";
    feed_read: Gauge "poortwacht_feed_read_timestamp_seconds" ["feed"]
        "When the newest line of the feed was read, since the epoch; 0 when none was.";

    // The console
    console_requests: Counter "poortwacht_console_requests_total" ["route", "status"]
        "Requests to the console that were answered, by what was asked for and status.";
    console_seconds: Seconds "poortwacht_console_request_seconds_total" ["route"]
        "Time from a request of the console to the begin of its answer.";
    console_not_in: Counter "poortwacht_console_sign_ins_refused_total" ["reason"]
        "Times somebody was not let into the console, by reason.";
    console_sessions: Gauge "poortwacht_console_sessions" []
        "Sessions of the console, half-way sign-ins included.";
    console_listeners: Gauge "poortwacht_console_listeners" []
        "Pages of the console that wait for what changes.";

    // The desk
    ready: Gauge "poortwacht_ready" []
        "1 while /readyz says yes.";
    http_requests: Counter "poortwacht_http_requests_total" ["page", "code"]
        "Requests answered, by page and status code.";
    http_refused: Counter "poortwacht_http_refused_connections_total" []
        "Connections closed at once because too many were open.";
    build_info: Gauge "poortwacht_build_info" ["version"]
        "1, with the version of the program.";
}
