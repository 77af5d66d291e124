//! Lists, trees and their order in the example client: as others change them, and as they are changed offline.

use serde_json::{Value, json};

use crate::harness::mirror::Mirror;
use crate::harness::{Workspace, suite};

suite![
    #[python]
    a_mirror_shows_lists_and_trees_as_others_change_them,
    #[python]
    what_is_made_offline_stands_where_it_was_shown,
    #[python]
    an_offline_move_is_made_as_a_whole_or_not_at_all,
    #[python]
    where_no_number_is_left_the_service_makes_room,
    #[python]
    a_deletion_takes_what_was_seen_below_and_no_more,
    #[python]
    what_has_no_place_any_more_is_added_elsewhere,
    #[python]
    lists_that_clash_are_conflicts,
    #[python]
    offline_trees_survive_kills,
];

async fn list(ws: &Workspace, name: &str) -> String {
    let list = ws.post("/api/v2/lists").json(json!({ "name": name })).send().await.created();
    list["id"].as_str().unwrap().to_owned()
}

async fn todo(ws: &Workspace, body: Value) -> String {
    ws.todo(body).await["id"].as_str().unwrap().to_owned()
}

async fn below(ws: &Workspace, parent: &str, title: &str) -> String {
    todo(ws, json!({ "title": title, "parent_id": parent })).await
}

fn path(id: &str) -> String {
    format!("/api/v2/todos/{id}")
}

async fn patch(ws: &Workspace, path: &str, body: Value) {
    ws.patch(path).json(body).send().await.ok();
}

/// The titles below a parent, or of those below none, in the order of the service.
async fn order(ws: &Workspace, parent: &str) -> Vec<String> {
    ws.titles(&[("sort", "position"), ("parent", parent)]).await
}

async fn a_mirror_shows_lists_and_trees_as_others_change_them() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let (garden, shed) = (list(&ws, "Garden").await, list(&ws, "Shed").await);
    let mut trees = Vec::new();
    for home in [json!(garden), json!(shed), Value::Null] {
        let root = todo(&ws, json!({ "title": "root", "list_id": home })).await;
        let mut tree = vec![root.clone()];
        for number in 0..3 {
            let child = below(&ws, &root, &format!("child {number}")).await;
            tree.push(child.clone());
            tree.push(below(&ws, &child, &format!("grandchild {number}")).await);
        }
        trees.push(tree);
    }
    mirror.syncs(&ws).await;
    // Names and the archive; what is completed, and what moves with all that is below it.
    patch(&ws, &format!("/api/v2/lists/{garden}"), json!({ "name": "Yard", "position": 1 })).await;
    patch(&ws, &path(&trees[0][2]), json!({ "status": "completed" })).await;
    ws.post(&format!("{}/move", path(&trees[0][0])))
        .json(json!({ "list_id": shed, "place": "first" }))
        .send()
        .await
        .ok();
    ws.post(&format!("{}/move", path(&trees[1][1]))).json(json!({ "parent_id": trees[2][1] })).send().await.ok();
    ws.post(&format!("{}/move", path(&trees[1][5]))).json(json!({ "before": trees[1][3] })).send().await.ok();
    mirror.syncs(&ws).await;
    // Into the bin and out of it, what is below together.
    ws.delete(&path(&trees[2][1])).send().await.no_content();
    ws.delete(&path(&trees[0][4])).send().await.no_content();
    let gone = list(&ws, "Gone").await;
    mirror.syncs(&ws).await;
    ws.post(&format!("{}/restore", path(&trees[2][1]))).send().await.ok();
    ws.delete(&format!("/api/v2/lists/{gone}")).send().await.no_content();
    patch(&ws, &format!("/api/v2/lists/{shed}"), json!({ "archived": true })).await;
    mirror.syncs(&ws).await;
    assert!(mirror.fails(&["edit", &trees[0][0], "title=x"]).contains("the list is archived"));
    assert!(mirror.run(&["list"]).contains(" open, archived)"), "{}", mirror.run(&["list"]));
}

async fn what_is_made_offline_stands_where_it_was_shown() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let before = todo(&ws, json!({ "title": "before" })).await;
    mirror.syncs(&ws).await;
    let garden = mirror.run(&["add-list", "Garden", "color=#118833"]);
    let plants = mirror.run(&["add", "Plants", &format!("list_id={garden}")]);
    let parent = format!("parent_id={plants}");
    let added = mirror.runs(&format!("add roses {parent}\n add ivy {parent}\n add ferns {parent}"));
    let [roses, ivy, ferns] = added.lines().collect::<Vec<_>>()[..] else { panic!("{added}") };
    mirror.runs(&format!(
        "move {ferns} first
         move {roses} after={ivy}
         move {before} parent={plants} before={ivy}
         edit {ivy} status=completed position=1000
         edit {ivy} position=2000 'title=the <b>ivy</b>'
         edit {ivy} 'title=the ivy'
         edit {garden} 'name=The garden'"
    ));
    let mut shown = mirror.shown();
    assert_eq!(mirror.titles(), ["Plants", "the ivy", "ferns", "before", "roses"]);
    assert_eq!(shown["lists"][0]["count"], 4);
    assert_eq!(shown["todos"][0]["subtasks"], json!({ "total": 4, "completed": 1 }));
    mirror.syncs(&ws).await;
    assert_eq!(mirror.run(&["conflicts"]), "");
    assert_eq!(order(&ws, &plants).await, ["the ivy", "ferns", "before", "roses"]);
    let mut synced = mirror.shown();
    for state in [&mut shown, &mut synced] {
        for todo in state["todos"].as_array_mut().unwrap() {
            let todo = todo.as_object_mut().unwrap();
            for later in ["created_at", "updated_at", "completed_at", "version", "pending"] {
                todo.remove(later);
            }
            // Whole numbers are written with a fraction or without.
            let position = todo["position"].as_f64();
            todo.insert("position".to_owned(), json!(position));
        }
    }
    assert_eq!(shown["todos"], synced["todos"]);
}

async fn an_offline_move_is_made_as_a_whole_or_not_at_all() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let (garden, kitchen) = (list(&ws, "Garden").await, list(&ws, "Kitchen").await);
    let (ladder, pots) = (todo(&ws, json!({ "title": "ladder" })).await, todo(&ws, json!({ "title": "pots" })).await);
    let rungs = below(&ws, &ladder, "rungs").await;
    mirror.syncs(&ws).await;
    mirror.runs(&format!(
        "move {ladder} list={garden} first
         move {pots} list={garden} after={ladder}
         edit {ladder} 'title=the ladder'"
    ));
    ws.post(&format!("{}/move", path(&ladder))).json(json!({ "list_id": kitchen })).send().await.ok();
    // No change of the place of the other one.
    patch(&ws, &path(&pots), json!({ "priority": "high" })).await;
    mirror.syncs(&ws).await;
    let moved = ws.get(&path(&ladder)).send().await.ok();
    assert_eq!((&moved["title"], &moved["list_id"]), (&json!("the ladder"), &json!(kitchen)));
    assert_eq!(ws.get(&path(&rungs)).send().await.ok()["list_id"], kitchen);
    assert_eq!(ws.get(&path(&pots)).send().await.ok()["list_id"], garden);
    let conflicts = mirror.run(&["conflicts"]);
    assert_eq!(conflicts.lines().count(), 1, "{conflicts}");
    assert!(conflicts.contains("somebody has changed the place"), "{conflicts}");
}

async fn where_no_number_is_left_the_service_makes_room() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let mut ids = Vec::new();
    for (title, position) in [("a", 1.0), ("b", 1.000_000_000_000_000_2), ("c", 1.000_000_000_000_000_4), ("d", 9.0)] {
        ids.push(todo(&ws, json!({ "title": title, "position": position })).await);
    }
    for title in ["e", "f"] {
        ids.push(todo(&ws, json!({ "title": title, "position": 20 })).await);
    }
    mirror.syncs(&ws).await;
    assert_eq!(mirror.titles().concat(), "abcdef", "of two at one position the older one comes first");
    let [a, .., d, e, f] = &ids[..] else { unreachable!() };
    mirror.runs(&format!("move {d} after={a}\n move {e} after={a}\n move {f} after={a}"));
    assert_eq!(mirror.titles().concat(), "afedbc");
    mirror.runs(&format!("move {d} before={a}\n move {f} last"));
    assert_eq!(mirror.titles().concat(), "daebcf");
    mirror.syncs(&ws).await;
    assert_eq!(mirror.run(&["conflicts"]), "");
    assert_eq!(order(&ws, "none").await.concat(), "daebcf");
    assert_eq!(mirror.titles().concat(), "daebcf");
    // Somebody else moves it first.
    for moved in [1, 2] {
        mirror.sql("delete from conflicts returning 1");
        patch(&ws, &path(&ids[0]), json!({ "position": 1 })).await;
        patch(&ws, &path(&ids[4]), json!({ "position": 1 })).await;
        mirror.syncs(&ws).await;
        mirror.run(&["move", &ids[moved], &format!("after={}", ids[0])]);
        if moved == 2 {
            patch(&ws, &path(&ids[2]), json!({ "position": -7 })).await;
        }
        mirror.syncs(&ws).await;
        assert_eq!(mirror.run(&["conflicts"]).matches("somebody has changed the place").count(), moved - 1);
    }
    assert_eq!(ws.get(&path(&ids[2])).send().await.ok()["position"], -7);
}

async fn a_deletion_takes_what_was_seen_below_and_no_more() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let garden = list(&ws, "Garden").await;
    let mut parents = Vec::new();
    let mut children = Vec::new();
    for title in ["parent", "with a new child", "with a changed child", "moved"] {
        parents.push(ws.titled(title).await);
        children.push(below(&ws, parents.last().unwrap(), "child").await);
    }
    let outside = ws.titled("outside").await;
    mirror.syncs(&ws).await;
    let edits = children[..3].iter().map(|child| format!("edit {child} priority=high"));
    let deletions = parents[..3].iter().chain([&children[3]]).map(|gone| format!("delete {gone}"));
    let moves = [
        format!("move {outside} parent={}", parents[0]),
        format!("add 'added here' parent_id={}", parents[0]),
        format!("move {} list={garden}", parents[3]),
    ];
    mirror.runs(&edits.chain(moves).chain(deletions).collect::<Vec<_>>().join("\n"));
    assert_eq!(mirror.titles(), ["moved"]);
    below(&ws, &parents[1], "new").await;
    patch(&ws, &path(&children[2]), json!({ "title": "changed" })).await;
    mirror.syncs(&ws).await;
    let conflicts = mirror.run(&["conflicts"]);
    assert_eq!(conflicts.lines().count(), 2, "{conflicts}");
    assert!(conflicts.contains("somebody has put “new” below it, so it was not deleted"), "{conflicts}");
    assert!(conflicts.contains("somebody has changed “changed” since, so it was not deleted"), "{conflicts}");
    for child in &children[1..3] {
        assert_eq!(ws.get(&path(child)).send().await.ok()["priority"], "high", "the edit is not lost");
    }
    for gone in [&parents[0], &children[0], &outside, &children[3]] {
        ws.get(&path(gone)).send().await.problem(404, "todo_not_found");
    }
    assert_eq!(mirror.shown()["todos"].as_array().unwrap().len(), 3 + 2 + 1);
    mirror.run(&["restore", &parents[0]]);
    mirror.syncs(&ws).await;
    let restored = ws.get(&path(&parents[0])).send().await.ok();
    assert_eq!(restored["subtasks"]["total"], 3);
}

async fn what_has_no_place_any_more_is_added_elsewhere() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let (garden, shed) = (list(&ws, "Garden").await, list(&ws, "Shed").await);
    let gone = todo(&ws, json!({ "title": "gone", "list_id": garden })).await;
    mirror.syncs(&ws).await;
    let refused = mirror.run(&["add", "", &format!("list_id={garden}")]);
    let orphans = [&gone, &refused].map(|parent| mirror.run(&["add", "orphan", &format!("parent_id={parent}")]));
    let below = mirror.run(&["add", "below an orphan", &format!("parent_id={}", orphans[0])]);
    let stranded = mirror.run(&["add", "stranded", &format!("list_id={shed}")]);
    ws.delete(&path(&gone)).send().await.no_content();
    patch(&ws, &format!("/api/v2/lists/{shed}"), json!({ "archived": true })).await;
    mirror.syncs(&ws).await;
    for orphan in &orphans {
        let todo = ws.get(&path(orphan)).send().await.ok();
        assert_eq!((&todo["parent_id"], &todo["list_id"]), (&Value::Null, &json!(garden)));
    }
    assert_eq!(ws.get(&path(&below)).send().await.ok()["parent_id"], orphans[0]);
    assert_eq!(ws.get(&path(&stranded)).send().await.ok()["list_id"], Value::Null);
    let conflicts = mirror.run(&["conflicts"]);
    assert_eq!(conflicts.matches("it was added elsewhere").count(), 3, "{conflicts}");
    assert_eq!(conflicts.lines().count(), 4, "{conflicts}");
}

async fn lists_that_clash_are_conflicts() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    let (garden, empty) = (list(&ws, "Garden").await, list(&ws, "Empty").await);
    let old = list(&ws, "Old").await;
    mirror.syncs(&ws).await;
    let taken = mirror.run(&["add-list", "cellar"]);
    let inside = mirror.run(&["add", "potatoes", &format!("list_id={taken}")]);
    mirror.runs(&format!("edit {garden} name=attic 'color=#118833'\n edit {old} archived=true\n delete {empty}"));
    for name in ["Cellar", "Attic"] {
        list(&ws, name).await;
    }
    todo(&ws, json!({ "title": "here now", "list_id": empty })).await;
    mirror.syncs(&ws).await;
    let conflicts = mirror.run(&["conflicts"]);
    assert_eq!(conflicts.matches("list_name_taken").count(), 2, "{conflicts}");
    assert_eq!(conflicts.matches("list_not_empty").count(), 1, "{conflicts}");
    assert_eq!(ws.get(&path(&inside)).send().await.ok()["list_id"], Value::Null);
    assert_eq!(ws.get(&format!("/api/v2/lists/{old}")).send().await.ok()["archived"], true);
}

/// Trees, moves and deletions, all at once: more than a few rounds can send.
const MANY: &str = "
lists = [edits.add(store, 'list', {'name': f'List {number}'}) for number in range(3)]
roots, children = [], {}
for number in range(6):
    roots.append(edits.add(store, 'todo', {'title': f'root {number}', 'list_id': lists[number % 3]}))
    children[number] = [edits.add(store, 'todo', {'title': f'{number}.{child}', 'parent_id': roots[-1]}) for child in \
    range(20)]
for number, ids in children.items():
    for child in range(0, 20, 2):
        edits.move(store, ids[child], {'after': ids[19 - child]})
    edits.edit(store, ids[3], {'status': 'completed', 'title': f'{number}.done'})
    edits.move(store, ids[5], {'parent': ids[7], 'place': 'first'})
    edits.delete(store, ids[11])
for known in [todo for todo in store.all('todo') if todo['title'] == 'd']:
    edits.move(store, known['id'], {'after': next(todo['id'] for todo in store.all('todo') if todo['title'] == 'a')})
";

async fn offline_trees_survive_kills() {
    let ws = Workspace::new().await;
    let mirror = Mirror::of(&ws);
    for (title, position) in [("a", 1), ("b", 1), ("c", 1), ("d", 9)] {
        todo(&ws, json!({ "title": title, "position": position })).await;
    }
    let (gone, kept) = (ws.titled("gone").await, ws.titled("kept").await);
    let child = below(&ws, &gone, "child").await;
    mirror.syncs(&ws).await;
    mirror.runs(&format!("edit {child} priority=high\n delete {gone}\n delete {kept}"));
    below(&ws, &kept, "new").await;
    mirror.script(MANY);
    let shown = mirror.titles();
    let mut killed = 0;
    for round in 0..10 {
        let before = mirror.waiting();
        let mut child = mirror.start("sync");
        while child.try_wait().unwrap().is_none() && mirror.waiting() == before {
            todo(&ws, json!({ "title": format!("other {round}") })).await;
        }
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed >= 5, "{killed} were still running");
    mirror.syncs(&ws).await;
    let conflicts = mirror.run(&["conflicts"]);
    assert_eq!(conflicts.lines().count(), 1, "{conflicts}");
    assert!(conflicts.contains("somebody has put “new” below it"), "{conflicts}");
    let own = mirror.titles().into_iter().filter(|title| !["kept", "new"].contains(&title.as_str()));
    assert_eq!(own.filter(|title| !title.starts_with("other")).collect::<Vec<_>>(), shown);
}
