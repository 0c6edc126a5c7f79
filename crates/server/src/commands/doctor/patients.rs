//! Which accounts are looked at, and the alerts that are open.

use hookline_engine::doctor::{Finding, Judgement, Patient, Subject};
use hookline_model::account::Account;
use hookline_model::alert::Alert;
use hookline_model::ids::AccountId;
use hookline_store::alerts::AlertFilter;
use hookline_store::{PageRequest, Store, StoreError};

use super::DoctorArgs;

/// Of more accounts only those in trouble are looked at, unless all are asked for: each takes four
/// calls to Meta.
const ACCOUNTS_MAX: usize = 50;

/// Accounts and alerts read at once.
const PAGE: u32 = 500;

/// More open alerts than anybody reads.
const ALERTS_MAX: usize = 5_000;

/// Whom the doctor sees.
pub(super) struct Admitted {
    pub(super) patients: Vec<Patient>,
    /// What there is to say of the choice.
    pub(super) note: Option<Finding>,
    /// Every connected account.
    pub(super) everyone: Vec<AccountId>,
    /// Open alerts of the whole installation.
    pub(super) of_app: Vec<Alert>,
}

/// Accounts, and what there is to say of the choice.
type Choice = (Vec<Account>, Option<Judgement>);

/// The accounts to look at.
pub(super) async fn admit(store: &Store, args: &DoctorArgs) -> Result<Admitted, StoreError> {
    let (of_app, of_accounts): (Vec<Alert>, Vec<Alert>) = open_alerts(store)
        .await?
        .into_iter()
        .partition(|alert| alert.account.is_none());
    let all = every_account(store).await?;
    let everyone = all.iter().map(|account| account.id.clone()).collect();
    let (accounts, note) = match &args.account {
        Some(name) => asked_for(all, name),
        None => chosen(all, &of_accounts, args.all),
    };
    let patients = accounts.into_iter().map(|account| Patient {
        alerts: of_accounts
            .iter()
            .filter(|alert| is_of(alert, &account))
            .cloned()
            .collect(),
        account,
    });
    Ok(Admitted {
        patients: patients.collect(),
        note: note.map(|note| note.on("accounts", &Subject::Machine)),
        everyone,
        of_app,
    })
}

/// By id or handle.
fn asked_for(all: Vec<Account>, name: &str) -> Choice {
    let handle = name.strip_prefix('@').unwrap_or(name);
    let is_named = |account: &Account| {
        account.id.as_str() == name || account.username.eq_ignore_ascii_case(handle)
    };
    let found = all.into_iter().find(is_named);
    let unknown = found.is_none().then(|| {
        Judgement::fail(
            format!("No account {name} is connected."),
            "Compare the id or handle with `hookline accounts list`.",
        )
    });
    (found.into_iter().collect(), unknown)
}

fn chosen(all: Vec<Account>, alerts: &[Alert], is_all: bool) -> Choice {
    let count = all.len();
    if count == 0 {
        let none = Judgement::warn(
            "No account is connected.",
            "Open /oauth/instagram/start of this server in a browser, or run `hookline accounts \
             connect`.",
        );
        return (all, Some(none));
    }
    let chosen = choose(all, alerts, is_all);
    let note = (chosen.len() < count).then(|| {
        Judgement::skipped(format!(
            "Of {count} accounts only those that are held or have an open alert are looked at, \
             {}; `hookline doctor --all` looks at all of them.",
            chosen.len()
        ))
    });
    (chosen, note)
}

fn is_of(alert: &Alert, account: &Account) -> bool {
    let whose = alert.account.as_ref();
    whose.is_some_and(|whose| whose.id == account.id)
}

fn choose(mut accounts: Vec<Account>, alerts: &[Alert], is_all: bool) -> Vec<Account> {
    if accounts.len() > ACCOUNTS_MAX && !is_all {
        accounts.retain(|account| {
            account.hold.is_some() || alerts.iter().any(|alert| is_of(alert, account))
        });
    }
    accounts
}

async fn every_account(store: &Store) -> Result<Vec<Account>, StoreError> {
    let (mut accounts, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_accounts(after, PAGE).await?;
        let Some(end) = page.last() else {
            return Ok(accounts);
        };
        after = Some(end.id.clone());
        accounts.extend(page);
    }
}

async fn open_alerts(store: &Store) -> Result<Vec<Alert>, StoreError> {
    let (mut alerts, mut before) = (Vec::new(), None);
    while alerts.len() < ALERTS_MAX {
        let filter = AlertFilter {
            is_open: true,
            ..AlertFilter::default()
        };
        let request = PageRequest {
            before,
            limit: PAGE,
        };
        let page = store.list_alerts(filter, request).await?;
        alerts.extend(page.items.into_iter().map(|record| record.alert));
        before = page.next_before;
        if before.is_none() {
            break;
        }
    }
    Ok(alerts)
}

#[cfg(test)]
mod tests {
    use hookline_model::account::{Hold, Login};
    use hookline_model::alert::{AlertAccount, AlertCode};
    use hookline_model::clock::Timestamp;
    use hookline_model::ids::AlertId;

    use super::*;

    fn accounts(count: usize) -> Vec<Account> {
        let account = |number: usize| Account {
            id: AccountId::new(format!("1784{number}")),
            username: format!("shop{number}"),
            login: Login::Instagram,
            app_scoped_id: None,
            connected_at: Timestamp::EPOCH,
            hold: (number == 1).then(|| Hold {
                reason: "token_expired".to_owned(),
                since: Timestamp::EPOCH,
                until: None,
            }),
        };
        (0..count).map(account).collect()
    }

    #[test]
    fn of_many_accounts_those_in_trouble_are_chosen() {
        let whose = AlertAccount {
            id: AccountId::new("17842"),
            username: None,
        };
        let times = (Timestamp::EPOCH, None);
        let code = (AlertId(1), AlertCode::AccountSilent);
        let alerts = [Alert::of(code, Some(whose), times, String::new())];
        assert_eq!(choose(accounts(50), &alerts, false).len(), 50);
        assert_eq!(choose(accounts(51), &alerts, true).len(), 51);
        let chosen = choose(accounts(51), &alerts, false);
        let names: Vec<_> = chosen.iter().map(|it| it.username.as_str()).collect();
        assert_eq!(names, ["shop1", "shop2"]);
    }
}
