"""The settings in force."""

from dataclasses import fields

from chat.settings import Settings, variable


def test_the_settings_in_force_are_shown_and_no_secret(server, admin):
    text = admin.open("/admin/settings").text
    for setting in fields(Settings):
        assert variable(setting.name) in text
    assert str(server.path) in text
    code, hashes = server.database.read(
        lambda db: (
            db.conn.execute("SELECT setup_code FROM server").fetchone()[0],
            [row[0] for row in db.conn.execute("SELECT password_hash FROM users")],
        )
    )
    assert code not in text
    for page in ("/admin/settings", "/admin/people", f"/admin/people/{len(hashes)}"):
        body = admin.open(page).body.decode()
        assert "argon2" not in body
        assert admin.token not in body
