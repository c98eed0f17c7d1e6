<?php
// Counts a visitor's pages in PHP's own session; /login gives it a fresh id, /logout ends it and its cookie.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path === '/none') {
    echo 'no session';
    return;
}
session_start();
if ($path === '/login') {
    session_regenerate_id(true);
    $_SESSION['user'] = 'ada';
}
$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
$answer = ['server' => getenv('NAME'), 'n' => $_SESSION['n'], 'user' => $_SESSION['user'] ?? ''];
if ($path === '/logout') {
    session_destroy();
    setcookie(session_name(), '', ['expires' => 1, 'path' => '/']);
}
echo json_encode($answer);
